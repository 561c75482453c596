"""Enumerations that tables and packages share; tables store the members' values.

Members are strings: they compare equal to their value and are written to tables, JSON and messages as such.
"""

from collections.abc import Iterable
from enum import StrEnum

UNASSIGNED_GROUP = "unassigned"
"""What stands for a cluster's id where users in no cluster are a group: in the tables of journeys, in exports and in addresses."""


class BaselineUsers(StrEnum):
    """From which users the baseline of a plan was taken."""

    RULE = "rule"
    """Users that the cluster's rule picked on the days before the baseline's."""
    MEMBERS = "members"
    """The cluster's own users: the log is too short to leave days out, or too few of the rule's users came again."""
    MEMBERS_NO_RULE = "members_no_rule"
    """The cluster's own users: no rule is stored for it as conditions."""


class CallOutcome(StrEnum):
    """How a call of a language model ended."""

    OK = "ok"
    REFUSED = "refused"
    """The model or the provider's content filter declined to answer."""
    INVALID = "invalid"
    """A response came that cannot be used."""
    ERROR = "error"
    TIMEOUT = "timeout"


class CandidateVerdict(StrEnum):
    """Whether a candidate of the segmentation's grid passed, or why not."""

    PASSED = "passed"
    TOO_FEW_CLUSTERS = "too_few_clusters"
    ONE_BIG_CLUSTER = "one_big_cluster"
    """One cluster holds most users."""
    TOO_MUCH_NOISE = "too_much_noise"
    """Most users are in no cluster."""
    UNSTABLE = "unstable"


class ClusterNature(StrEnum):
    """What the users of a cluster have in common."""

    TRAIT = "trait"
    """A way to use the product."""
    INCIDENT = "incident"
    """Something that happened to them, such as an error."""


class CellSource(StrEnum):
    """Where the fine cells come from that a candidate's clusters are merged of."""

    KMEANS = "k-means"
    LEAF = "hdbscan_leaf"
    """The finest groups of HDBSCAN's tree on the map."""
    EARLIER = "earlier"
    """The clusters of the snapshot before."""


class DecidedBy(StrEnum):
    """Who decides that an action happens."""

    USER = "user"
    SYSTEM = "system"
    """The company or its software: an approval, a refusal, a message sent."""


class Direction(StrEnum):
    """Which way a recommendation or a test means to move a metric."""

    INCREASE = "increase"
    DECREASE = "decrease"

    @property
    def sign(self) -> int:
        """1 for an increase, -1 for a decrease."""
        return 1 if self is Direction.INCREASE else -1

    @property
    def opposite(self) -> "Direction":
        """The other direction."""
        return Direction.DECREASE if self is Direction.INCREASE else Direction.INCREASE


class FeatureRole(StrEnum):
    """What a feature is used for."""

    CLUSTERING = "clustering"
    """Behaviour that clusters are computed from."""
    OUTCOME = "outcome"
    """An outcome for a user; never used for clustering, so that clusters can be compared by it."""
    CONTEXT = "context"
    """Describes clusters and is not used for clustering."""


class FeatureView(StrEnum):
    """What of their behaviour users are compared by."""

    WHAT = "what"
    """What they do, and how often."""
    ORDER = "order"
    """In which order they do it."""
    HOUR = "hour"
    """At which hours of the day."""
    WEEKDAY = "weekday"
    """On which days of the week."""
    LIFE = "life"
    """When in the window: who comes, stays, goes."""


class FeedbackVerdict(StrEnum):
    """What a person says of an insight."""

    USEFUL = "useful"
    KNOWN = "known"
    """The team knew it."""
    PLANNED = "planned"
    """Something is planned about it."""
    DISMISSED = "dismissed"
    """Not to be shown until its numbers change."""


class InboxPhase(StrEnum):
    """State of the inbox sensor: the cursor that it leaves with Dagster at each tick."""

    IDLE = "idle"
    """No log was ingested since the last snapshot run was requested."""
    INGESTING = "ingesting"
    """An ingest run was requested; when it has ended, a snapshot is due."""
    NO_EVENTS = "no_events"
    """Logs were ingested, and no event has ever been accepted."""
    BEFORE_FIRST_DAY = "before_first_day"
    """Logs were ingested, and all accepted events lie before `GRUPA_FIRST_DAY`."""
    UP_TO_DATE = "up_to_date"
    """Logs were ingested, and the snapshot of the last day of the events has the same input."""

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "InboxPhase":
        """The phase that the first line of a cursor names; IDLE where there is none.

        Unknown cursors are read as INGESTING, since Grupa 0.1.0 wrote `taken in` for that phase: at worst the sensor checks
        once too often whether a snapshot is due.
        """
        if not cursor:
            return cls.IDLE
        return next((phase for phase in cls if phase == cursor.partition("\n")[0]), cls.INGESTING)


class InsightKind(StrEnum):
    """What an insight is."""

    PAIN_POINT = "pain_point"
    STRENGTH = "strength"
    """What a cluster does better than the others."""
    RECOMMENDATION = "recommendation"


class InsightSource(StrEnum):
    """Who wrote an insight."""

    LLM = "llm"
    RULES = "rules"


class JobName(StrEnum):
    """Dagster's jobs; runs are found by these names."""

    INGEST = "ingest_job"
    SNAPSHOT = "snapshot_job"
    INSIGHTS = "insights_job"
    DEEP_CHECK = "deep_check_job"
    DIGEST = "digest_job"


class Membership(StrEnum):
    """How surely a user is in their cluster, by the chance that their behaviour is of that cluster."""

    CORE = "core"
    """.9 and more."""
    LIKELY = "likely"
    """.7 to .9."""
    BETWEEN = "between"
    """Below .7: between this cluster and the nearest other one."""


class Measure(StrEnum):
    """How evidence compares a feature between a cluster and the rest."""

    PROPORTION = "proportion"
    """Share of users with a property: difference of shares."""
    COUNT = "count"
    """A number per user: Cliff's delta."""
    PATH = "path"
    """Share of users who took a two-step path: difference of shares."""
    DURATION = "duration"
    """A time per user: Cliff's delta."""
    STEP = "step"
    """Share of users who went on to a step, of those who got to the step before: difference of shares."""
    ERROR = "error"
    """Share of users who met an error, of those who did what usually precedes it: difference of shares."""
    LOOP = "loop"
    """Share of users who do the same one or two steps again and again, of those who did them: difference of shares."""
    LAST_ACTION = "last_action"
    """Share of users who stopped at an action and reached no goal: difference of shares."""


class MetricKind(StrEnum):
    """Which sample size formula a metric needs."""

    PROPORTION = "proportion"
    """Share of users; 0 or 1 per user."""
    MEAN = "mean"
    """Mean of a number per user."""
    RATIO = "ratio"
    """Sum of one number per user over the sum of another."""


class PathKind(StrEnum):
    """What a path of `journey_paths` is."""

    TYPICAL = "typical"
    """A real sequence of actions that stands for users of the group."""
    LAST_BEFORE_END = "last_before_end"
    """The action before a bad end, and that end; alone, the last one of users who reached no goal and fell silent."""
    LOOP = "loop"
    """Two actions between which users go back and forth."""
    RETRY = "retry"
    """An action that users do again and again at once."""
    TRANSITION = "transition"
    """An action, and the next one within the session."""
    ENTRY = "entry"
    """A user's first action."""
    FIRST_SESSION = "first_session"
    """The first actions of a user's first session, runs folded."""
    AFTER_ERROR = "after_error"
    """An error, and the next action within the session."""


class PipelineStage(StrEnum):
    """What the pipeline does, in order. INGEST to INSIGHTS are named as the step of a Dagster run that does it."""

    INBOX = "inbox"
    INGEST = "ingest"
    EVENT_CATALOG = "event_catalog"
    FEATURES = "features"
    SEGMENTATION = "segmentation"
    JOURNEYS = "journeys"
    EVIDENCE = "cluster_evidence"
    INSIGHTS = "insights"
    PUBLISHED = "published"


class PipelineState(StrEnum):
    """Whether the pipeline works, waits or has ended."""

    IDLE = "idle"
    """Nothing has ever been processed."""
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class PlanStatus(StrEnum):
    """Where a plan stands on the roadmap, in the order of the board."""

    IDEA = "idea"
    DRAFT = "draft"
    READY = "ready"
    SCHEDULED = "scheduled"
    ARCHIVED = "archived"


class Polarity(StrEnum):
    """Whether an action is something that the product wants."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"


class Role(StrEnum):
    """What an action means to the product."""

    PROPOSAL_CREATE = "proposal_create"
    PROPOSAL_SUBMIT = "proposal_submit"
    PROPOSAL_REVISE = "proposal_revise"
    PROPOSAL_WITHDRAW = "proposal_withdraw"
    FEATURE = "feature"
    """Use of a feature of the product; the event's metadata names which."""
    GOAL = "goal"
    """An outcome that the product wants."""
    BAD_END = "bad_end"
    """An outcome that it does not want."""
    ERROR = "error"
    """Something failed."""
    HELP = "help"
    """A user looks for help."""
    NAVIGATION = "navigation"
    """Moving through the product: a page, a screen, a click."""
    SYSTEM = "system"
    """What software does without being asked: sessions, identification, feature flags."""
    STEP = "step"
    """Plain behaviour."""


class RoleSource(StrEnum):
    """From where the role of an action is known, the most certain first."""

    PERSON = "person"
    """Someone set it in the app."""
    FILE = "file"
    """A list or a pattern of the roles file."""
    NAME = "name"
    """Words of the action's name."""
    MODEL = "model"
    DATA = "data"
    """Where the action stands in users' histories."""


class RunState(StrEnum):
    """How far one Dagster run is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class SegmentationStatus(StrEnum):
    """How far the clusters of a snapshot can be relied on."""

    OK = "ok"
    WEAK_STRUCTURE = "weak_structure"
    """No better than data without structure: clusters only describe."""
    TOO_FEW_USERS = "too_few_users"
    """Not segmented."""


class TableStorage(StrEnum):
    """Where the rows of a table are."""

    ROWS = "rows"
    """In the DuckDB file."""
    PARQUET = "parquet"
    """In immutable Parquet files, which a view of the DuckDB file reads."""


class TransitionKind(StrEnum):
    """What a flow of users between two snapshots means for the clusters at its ends."""

    CONTINUE = "continue"
    SPLIT = "split"
    MERGE = "merge"
    BIRTH = "birth"
    DEATH = "death"


class TrendMetric(StrEnum):
    """What `cluster_trends` follows from week to week; shares are of the users active in the week."""

    ACTIVE_USERS = "active_users"
    NEW_USERS = "new_users"
    """Users whose first event in the window is in the week."""
    EVENTS_PER_USER = "events_per_user"
    GOAL_SHARE = "goal_share"
    ERROR_SHARE = "error_share"


class UnassignedReason(StrEnum):
    """Why a user is in no cluster."""

    NOISE = "noise"
    """In no dense region, or like no cluster."""
    TOO_FEW_EVENTS = "too_few_events"
    """Too few events in the window to have features."""
    UNSTABLE_CLUSTER = "unstable_cluster"
    """Their cluster did not recur in subsamples and was dissolved."""
    TOO_FEW_USERS = "too_few_users"
    """The snapshot was not segmented."""


class TokenScope(StrEnum):
    """What a token of a script or an agent may be used for."""

    READ = "read"
    """Download exports and reports."""
    PLAN = "plan"
    """Propose tests: plans of status `idea`."""


class UserRole(StrEnum):
    """What a person who signed in may do. Each role may also do what those before it may."""

    VIEWER = "viewer"
    """See everything, and export it."""
    PLANNER = "planner"
    """Name clusters, plan tests."""
    OPERATOR = "operator"
    """Bring in logs, start runs, say what actions mean."""
    ADMIN = "admin"
    """In Dagster's UI, also erase, delete runs, and change its limits."""

    def may(self, needed: "UserRole") -> bool:
        """Whether this role includes `needed`."""
        return UserRole.highest((self, needed)) is self

    @classmethod
    def highest(cls, roles: Iterable["UserRole"]) -> "UserRole | None":
        """The one of `roles` that may do most; None where there is none."""
        return max(roles, key=list(cls).index, default=None)
