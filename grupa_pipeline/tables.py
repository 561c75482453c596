"""The contract of the warehouse as data: every table, column, type, key and comment.

The pipeline creates tables from it, the app and the tests read it, `docs/tables.md` is generated from it, and the comments
are written into DuckDB itself (`COMMENT ON`). No SQL but types, no I/O, no behaviour.
"""

from dataclasses import dataclass

from grupa_pipeline.vocabulary.enums import TableStorage
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS


@dataclass(frozen=True)
class Column:
    """One column: its name, its DuckDB type, and its comment for analysts."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """One table of a DuckDB file.

    Attributes:
        name: The table's name.
        comment: Its comment for analysts.
        columns: Its columns, in order.
        key: The columns that identify a row; rows are published in this order.
        storage: Where the rows are.
        open_ended: Whether it has further DOUBLE columns, one a feature.
        made_from: Names of the tables that a snapshot's rows are computed from; empty for tables of no snapshot.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    storage: TableStorage = TableStorage.ROWS
    open_ended: bool = False
    made_from: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The listed columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def snapshot_column(self) -> str | None:
        """The column that names the snapshot a row belongs to; None where rows outlive snapshots."""
        return next((name for name in ("snapshot_date", "to_snapshot") if name in self.column_names), None)


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_SNAPSHOT = ("snapshot_date", "DATE", "The snapshot's day; its window ends with this day (UTC).")
_CLUSTER = ("cluster_id", "VARCHAR", "Stable id of the cluster (C01, C02, ...).")
_CREATED = ("created_at", "TIMESTAMP", "When the row was written (UTC).")

EVENTS = Table(
    "events",
    "Every accepted event, one row each, duplicates left out.",
    _columns(
        ("user_id", "VARCHAR", "Who acted, as the log names them."),
        ("timestamp", "TIMESTAMP", "When, in UTC; a zoneless time in a log counts as UTC."),
        ("action", "VARCHAR", "What was done, as the log names it."),
        ("metadata", "JSON", "The event's other fields as a JSON object; NULL when there are none."),
        ("file_sha256", "VARCHAR", "The file it came from; joins ingested_files."),
        (
            "sequence",
            "BIGINT",
            "Its place, from 0, among the user's events at that time in the log; NULL where the log does not show their order, "
            "and for events of earlier releases.",
        ),
        ("event_id", "VARCHAR", "The log's own id of the event; NULL where it has none."),
    ),
    key=("user_id", "timestamp", "action", "metadata"),
    storage=TableStorage.PARQUET,
)
INGESTED_FILES = Table(
    "ingested_files",
    "One row an ingested log file. rows_read = rows_accepted + rows_rejected + rows_duplicate.",
    _columns(
        ("file_sha256", "VARCHAR", "SHA-256 of the file's bytes as given."),
        ("file_name", "VARCHAR", "The file's name when it was first ingested."),
        ("ingested_at", "TIMESTAMP", "When it was ingested (UTC)."),
        ("rows_read", "BIGINT", "Records in the file, header and blank lines not counted."),
        ("rows_accepted", "BIGINT", "Records that became events."),
        ("rows_rejected", "BIGINT", "Records that could not be used; each is in rejected_rows."),
        ("rows_duplicate", "BIGINT", "Records equal to an event already held, from this file or an earlier one."),
        ("first_event_at", "TIMESTAMP", "Earliest accepted event (UTC); NULL when none was accepted."),
        ("last_event_at", "TIMESTAMP", "Latest accepted event (UTC); NULL when none was accepted."),
    ),
    key=("file_sha256",),
)
REJECTED_ROWS = Table(
    "rejected_rows",
    "One row a record that could not be used.",
    _columns(
        ("file_sha256", "VARCHAR", "The file it stood in; joins ingested_files."),
        ("line_number", "BIGINT", "Physical line on which the record starts; the header is line 1."),
        ("reason", "VARCHAR", "Why: a word such as missing_user_id, bad_timestamp, timestamp_in_future."),
        ("raw", "VARCHAR", "The record as it stood, cut at 4 KiB."),
    ),
    key=("file_sha256", "line_number"),
)
SEGMENTATIONS = Table(
    "segmentations",
    "One row a snapshot: what was segmented, how well, and whether there is anything there.",
    _columns(
        _SNAPSHOT,
        ("status", "VARCHAR", "ok, weak_structure (descriptive only) or too_few_users."),
        ("reason", "VARCHAR", "The status in words for a product manager; NULL when ok."),
        ("window_start", "TIMESTAMP", "First instant of the window (UTC, inclusive)."),
        ("window_end", "TIMESTAMP", "End of the window (UTC, exclusive): snapshot_date + 1 day."),
        ("users", "BIGINT", "Users with an event in the window: the rows of user_clusters."),
        ("events", "BIGINT", "Events in the window."),
        ("cluster_count", "BIGINT", "Clusters found."),
        ("unassigned_share", "DOUBLE", "Share of users in no cluster, 0 to 1."),
        ("dbcv", "DOUBLE", "Density-based cluster validity of the chosen grouping, -1 to 1."),
        ("stability", "DOUBLE", "Median over clusters of the bootstrap Jaccard stability, 0 to 1."),
        ("null_p_value", "DOUBLE", "Chance of so good a score where there is no structure (Gaussian-copula null)."),
        ("parameters", "JSON", "Everything that shaped it: window, grid choice, null distribution, landmarks."),
        ("seed", "BIGINT", "Random seed."),
        ("input_sha256", "VARCHAR", "SHA-256 of the events in the window, the roles and the settings."),
        ("code_version", "VARCHAR", "Version of grupa that wrote it."),
        _CREATED,
    ),
    key=("snapshot_date",),
    made_from=("user_features", "feature_catalog", "events", "event_catalog"),
)
SEGMENTATION_CANDIDATES = Table(
    "segmentation_candidates",
    "The grid of parameters that was tried for a snapshot, with scores, and which one was chosen.",
    _columns(
        _SNAPSHOT,
        ("candidate", "BIGINT", "Number of the candidate, from 1."),
        ("parameters", "JSON", "n_neighbors, min_cluster_size, min_samples, cluster_selection_method."),
        ("cluster_count", "BIGINT", "Clusters it found."),
        ("largest_share", "DOUBLE", "Share of users in its largest cluster, 0 to 1."),
        ("unassigned_share", "DOUBLE", "Share of users it left out, 0 to 1."),
        ("dbcv", "DOUBLE", "Density-based cluster validity, -1 to 1."),
        ("stability", "DOUBLE", "Bootstrap stability, 0 to 1; NULL when it was not measured."),
        ("score", "DOUBLE", "What candidates are ranked by."),
        (
            "verdict",
            "VARCHAR",
            "passed, or why it was out: too_few_clusters, one_big_cluster, too_much_noise, unstable.",
        ),
        ("chosen", "BOOLEAN", "Whether this one made the snapshot's clusters."),
    ),
    key=("snapshot_date", "candidate"),
    made_from=("user_features", "feature_catalog", "events", "event_catalog"),
)
USER_FEATURES = Table(
    "user_features",
    "One row a user with enough events, one DOUBLE column a feature (see feature_catalog).",
    _columns(_SNAPSHOT, ("user_id", "VARCHAR", "The user.")),
    key=("snapshot_date", "user_id"),
    storage=TableStorage.PARQUET,
    open_ended=True,
    made_from=("events", "event_catalog"),
)
FEATURE_CATALOG = Table(
    "feature_catalog",
    "What each feature means. Every metric named anywhere is a row here.",
    _columns(
        ("feature", "VARCHAR", "Name of the column in user_features."),
        (
            "family",
            "VARCHAR",
            "What kind of feature: action_share, action_done, path, time_between, outcome_had, ...; NULL where not known.",
        ),
        (
            "subject",
            "VARCHAR",
            "The action, or feature of the product, that it is about; NULL where it is about none or several.",
        ),
        ("label", "VARCHAR", "Short name for a screen: sessions a week."),
        ("description", "VARCHAR", "What it measures, formula included, in words that fit a sentence."),
        ("unit", "VARCHAR", "Unit: share, events, sessions/week, hours, days, ..."),
        ("role", "VARCHAR", "clustering (makes clusters), outcome (never does; a card's metric) or context."),
        ("metric_kind", "VARCHAR", "proportion, mean or ratio: which test plans it."),
        (
            "measure",
            "VARCHAR",
            "proportion, count, path, duration, step, error, loop or last_action: how evidence compares it.",
        ),
        ("numerator", "VARCHAR", "What is counted, for a ratio or proportion."),
        ("denominator", "VARCHAR", "What it is divided by, for a ratio or proportion."),
        ("higher_is_better", "BOOLEAN", "Which way is good; NULL when neither is."),
        (
            "source_action",
            "VARCHAR",
            "The log's own action name behind it, several one a line; NULL when it covers all.",
        ),
    ),
    key=("feature",),
    made_from=("events", "event_catalog"),
)
EVENT_CATALOG = Table(
    "event_catalog",
    "What each action means: its role, from where that is known, and what is proposed instead. The newest snapshot's.",
    _columns(
        ("action", "VARCHAR", "The action, as the log names it."),
        ("label", "VARCHAR", "What people read instead: set by a person, drafted by a model, or the name in words."),
        ("meaning", "VARCHAR", "One sentence on what it means; NULL where nobody wrote one."),
        (
            "role",
            "VARCHAR",
            "goal, bad_end, error, help, proposal_create, proposal_submit, proposal_revise, proposal_withdraw, feature, "
            "navigation, system or step: the role in effect.",
        ),
        ("polarity", "VARCHAR", "good, bad or neutral: whether the product wants it."),
        ("decided_by", "VARCHAR", "user, or system: the company or its software."),
        ("source", "VARCHAR", "From where the role is known: person, file, name, model or data."),
        ("confidence", "DOUBLE", "How sure that is, 0 to 1."),
        ("reason", "VARCHAR", "Why, in words."),
        ("users", "BIGINT", "Users who did it in the window."),
        ("events", "BIGINT", "How often it was done in the window."),
        ("first_seen_at", "TIMESTAMP", "First time in the window (UTC)."),
        ("last_seen_at", "TIMESTAMP", "Last time in the window (UTC)."),
        (
            "proposed_role",
            "VARCHAR",
            "Another role that is proposed and has no effect until a person takes it; NULL: none.",
        ),
        ("proposed_by", "VARCHAR", "model or data: who proposes it."),
        ("proposal_reason", "VARCHAR", "Why it is proposed."),
        ("goal_likeness", "DOUBLE", "How much users' histories make it look like a goal or a bad end, 0 to 1."),
        ("draft", "JSON", "What a model drafted: action, role, label, meaning, model; NULL where none was asked."),
    ),
    key=("action",),
    made_from=("events",),
)
USER_EMBEDDINGS = Table(
    "user_embeddings",
    "Where each user with enough events stands on the map. Distances between far clusters mean little.",
    _columns(
        _SNAPSHOT,
        ("user_id", "VARCHAR", "The user."),
        ("x", "DOUBLE", "Map coordinate, no unit."),
        ("y", "DOUBLE", "Map coordinate, no unit."),
    ),
    key=("snapshot_date", "user_id"),
    storage=TableStorage.PARQUET,
    made_from=("user_features", "feature_catalog", "events", "event_catalog"),
)
USER_CLUSTERS = Table(
    "user_clusters",
    "One row a user of the snapshot: their cluster, or why they are in none.",
    _columns(
        _SNAPSHOT,
        ("user_id", "VARCHAR", "The user."),
        ("cluster_id", "VARCHAR", "Their cluster; NULL is unassigned."),
        ("probability", "DOUBLE", "Chance that their behaviour is of this cluster, 0 to 1; 0 when unassigned."),
        (
            "unassigned_reason",
            "VARCHAR",
            "noise, too_few_events, unstable_cluster or too_few_users; NULL when assigned.",
        ),
        (
            "nearest_cluster_id",
            "VARCHAR",
            "The likeliest cluster other than their own, for one in none the likeliest; NULL: none, or too few events.",
        ),
        (
            "membership",
            "VARCHAR",
            "core (probability .9 and more), likely (.7 and more) or between their cluster and nearest_cluster_id; NULL is "
            "unassigned, or a snapshot of an earlier release.",
        ),
        (
            "nearest_probability",
            "DOUBLE",
            "Chance that they are of nearest_cluster_id, 0 to 1; NULL where there is none.",
        ),
        ("subcluster_id", "VARCHAR", "Their group within the cluster; NULL where there is none."),
    ),
    key=("snapshot_date", "user_id"),
    storage=TableStorage.PARQUET,
    made_from=("user_features", "feature_catalog", "events", "event_catalog"),
)
CLUSTER_IDENTITIES = Table(
    "cluster_identities",
    "What segmentation knows of each cluster before it is described; the ledger of issued ids.",
    _columns(
        _SNAPSHOT,
        _CLUSTER,
        ("stability", "DOUBLE", "Mean best-match Jaccard over subsamples (Hennig 2007), 0 to 1."),
        (
            "replication",
            "DOUBLE",
            "How it holds in other sessions: Cohen's kappa of its users told from all others by the half of the sessions that "
            "was not learnt from; 1 is always, 0 chance. NULL: not measured.",
        ),
        (
            "found_by",
            "VARCHAR[]",
            "By what it differs from the nearest cluster, clearest first: what, order, hour, weekday, life. NULL: not held.",
        ),
        ("first_seen", "DATE", "Snapshot in which the id was issued."),
        ("color_slot", "BIGINT", "Slot in the palette, kept for as long as the cluster lives."),
    ),
    key=("snapshot_date", "cluster_id"),
    made_from=("user_features", "feature_catalog", "events", "event_catalog"),
)
CLUSTERS = Table(
    "clusters",
    "One row a cluster and snapshot: its name, size and the rule that describes it.",
    _columns(
        _SNAPSHOT,
        _CLUSTER,
        ("name", "VARCHAR", "Name, distinct within a snapshot."),
        ("summary", "VARCHAR", "What sets the cluster apart, in a sentence or two."),
        ("size", "BIGINT", "Users in it."),
        ("share", "DOUBLE", "Size over the users of the snapshot, 0 to 1."),
        (
            "goal_rate",
            "DOUBLE",
            "Share of its users with enough events who reach the goal that most of all such users reach, 0 to 1. NULL: the log "
            "has no goal, or an earlier release.",
        ),
        (
            "stability",
            "DOUBLE",
            "Mean best-match Jaccard over subsamples (Hennig 2007); below .6 unstable, .75 and up stable.",
        ),
        (
            "replication",
            "DOUBLE",
            "How it holds in other sessions: Cohen's kappa of its users told from all others by the half of the sessions that "
            "was not learnt from; 1 is always, 0 chance. NULL: not measured.",
        ),
        (
            "found_by",
            "VARCHAR[]",
            "By what it differs from the nearest cluster, clearest first: what, order, hour, weekday, life. NULL: not held.",
        ),
        (
            "nature",
            "VARCHAR",
            "trait (a way to use the product) or incident (something that happened to its users, such as an error). NULL: an "
            "earlier release.",
        ),
        ("rule", "VARCHAR", "Short rule that picks out its users, in units a person reads."),
        (
            "rule_conditions",
            "JSON",
            "The rule as data: a list of alternatives, each a list of conditions {feature, operator (> or <=), value} that all "
            "hold; value is in the feature's unit, 0 to 1 for a share. [] is no rule; NULL: not held (earlier releases).",
        ),
        ("rule_f1", "DOUBLE", "How well the rule does, F1, 0 to 1."),
        ("first_seen", "DATE", "Snapshot in which the id was issued."),
        ("color_slot", "BIGINT", "Slot in the palette, kept for as long as the cluster lives."),
        (
            "fallback_reason",
            "VARCHAR",
            "Why rules wrote its text, or what was missing in it, although a model is set; NULL when nothing failed.",
        ),
        (
            "written",
            "JSON",
            "The text with placeholders for its numbers, and what it was written from: it is reused while that stays the same.",
        ),
    ),
    key=("snapshot_date", "cluster_id"),
    made_from=(
        "user_features",
        "feature_catalog",
        "user_clusters",
        "cluster_identities",
        "cluster_evidence",
        "event_catalog",
    ),
)
CLUSTER_EVIDENCE = Table(
    "cluster_evidence",
    "Measured differences between a cluster and everyone else with enough events (unassigned ones included), and each cluster's "
    "weakest step towards a goal, whether or not it differs.",
    _columns(
        _SNAPSHOT,
        _CLUSTER,
        ("evidence_id", "VARCHAR", "Stable from day to day: the cluster, the metric and the measure."),
        ("metric", "VARCHAR", "Feature that differs; joins feature_catalog."),
        (
            "measure",
            "VARCHAR",
            "proportion, count, path, duration, step (of those who got to the step before), error (of those who were where it "
            "occurs), loop (of those who did the actions) or last_action.",
        ),
        ("unit", "VARCHAR", "Unit of the two values."),
        ("cluster_value", "DOUBLE", "Value in the cluster: a share of users, or a median."),
        ("rest_value", "DOUBLE", "The same among the rest."),
        ("lift", "DOUBLE", "cluster_value / rest_value; NULL where the rest's is 0."),
        (
            "effect_size",
            "DOUBLE",
            "Difference of shares for proportions and paths, Cliff's delta for counts and durations.",
        ),
        ("ci_low", "DOUBLE", "Lower end of the effect size's 95% interval."),
        ("ci_high", "DOUBLE", "Upper end of the effect size's 95% interval."),
        ("n_cluster", "BIGINT", "Users of the cluster it was measured on."),
        ("n_rest", "BIGINT", "Users of the rest it was measured on."),
        (
            "descriptive",
            "BOOLEAN",
            "True for features that made the clusters: such an interval describes, it tests nothing.",
        ),
        (
            "replicated",
            "BOOLEAN",
            "Whether an outcome's or an obstacle's difference also holds in both halves of the users and among those who came "
            "early and late in the window; NULL where that is not measured.",
        ),
    ),
    key=("snapshot_date", "cluster_id", "evidence_id"),
    made_from=("user_features", "feature_catalog", "user_clusters"),
)
_GROUP = ("cluster_id", "VARCHAR", "The cluster; NULL is everyone, `unassigned` those in no cluster.")
_JOURNEYS_MADE_FROM = ("events", "event_catalog", "user_clusters")
JOURNEY_STEPS = Table(
    "journey_steps",
    "The funnel to each goal, for everyone and each cluster: the steps in the order in which most users who reach it pass them.",
    _columns(
        _SNAPSHOT,
        _GROUP,
        ("goal", "VARCHAR", "The goal's action, which is the last step."),
        ("position", "BIGINT", "Place of the step, from 1."),
        ("action", "VARCHAR", "The step."),
        ("users_reached", "BIGINT", "Users who did it at or after the time of the step before."),
        ("users_continued", "BIGINT", "Those of them who got to the next step; NULL for the goal."),
        ("continued_share", "DOUBLE", "users_continued / users_reached, 0 to 1."),
        ("rest_continued_share", "DOUBLE", "The same of all others in the window; NULL for everyone."),
        ("ci_low", "DOUBLE", "Lower end of the 95% interval of continued_share (Wilson)."),
        ("ci_high", "DOUBLE", "Upper end of it."),
        ("median_hours", "DOUBLE", "Median hours from this step to the next, of users who got there."),
    ),
    key=("snapshot_date", "cluster_id", "goal", "position"),
    made_from=_JOURNEYS_MADE_FROM,
)
JOURNEY_PATHS = Table(
    "journey_paths",
    "From where to where users go, begin, turn round and stop; no path of fewer users than the minimum group.",
    _columns(
        _SNAPSHOT,
        _GROUP,
        (
            "kind",
            "VARCHAR",
            "typical (a real journey that stands for users, estimated from a sample), last_before_end (the action before a bad "
            "end and that end; alone, the last one of who fell silent without a goal), loop, retry, transition, entry, "
            "first_session or after_error.",
        ),
        ("rank", "BIGINT", "Place among those of its group and kind, by users, from 1."),
        ("path", "VARCHAR[]", "Actions in order, repeats folded."),
        ("users", "BIGINT", "Users who went it, or whom a typical journey stands for."),
        ("share", "DOUBLE", "users over the users of the group, 0 to 1."),
        ("rest_share", "DOUBLE", "The same of all others in the window; NULL for everyone and for typical journeys."),
        ("lift", "DOUBLE", "share / rest_share; NULL where the rest's is 0."),
    ),
    key=("snapshot_date", "cluster_id", "kind", "rank"),
    made_from=_JOURNEYS_MADE_FROM,
)
ACTION_OUTCOMES = Table(
    "action_outcomes",
    "The share of users who reach a goal, of those who did an action and of those who did not: an association, no effect.",
    _columns(
        _SNAPSHOT,
        _GROUP,
        ("action", "VARCHAR", "The action: the commonest ones, and all errors."),
        ("goal", "VARCHAR", "The goal's action."),
        ("users_with", "BIGINT", "Users who did the action, not first after the goal."),
        ("users_without", "BIGINT", "All others of the group."),
        ("goal_rate_with", "DOUBLE", "Share of users_with who reached the goal, 0 to 1."),
        ("goal_rate_without", "DOUBLE", "Share of users_without who reached the goal, 0 to 1."),
        ("ci_low", "DOUBLE", "Lower end of the 95% interval of the difference (Newcombe)."),
        ("ci_high", "DOUBLE", "Upper end of it."),
    ),
    key=("snapshot_date", "cluster_id", "action", "goal"),
    made_from=_JOURNEYS_MADE_FROM,
)
CLUSTER_TRENDS = Table(
    "cluster_trends",
    "What everyone and each cluster do week by week; weeks with fewer active users than the minimum group are left out.",
    _columns(
        _SNAPSHOT,
        _GROUP,
        ("week", "DATE", "The Monday on which the week begins (UTC)."),
        (
            "metric",
            "VARCHAR",
            "active_users, new_users (first event in the window), events_per_user, goal_share or error_share (of active users).",
        ),
        ("value", "DOUBLE", "Its value in the week; the first and the last week of a window may be partial."),
        ("users", "BIGINT", "Users of the group active in the week."),
    ),
    key=("snapshot_date", "cluster_id", "week", "metric"),
    made_from=_JOURNEYS_MADE_FROM,
)
CLUSTER_INSIGHTS = Table(
    "cluster_insights",
    "Pain points, strengths and recommendations; each cites evidence.",
    _columns(
        _SNAPSHOT,
        _CLUSTER,
        ("insight_id", "VARCHAR", "Stable from day to day while it says the same thing."),
        ("kind", "VARCHAR", "pain_point, strength or recommendation."),
        ("title", "VARCHAR", "A line."),
        ("body", "VARCHAR", "A few sentences; every number in it was filled in from evidence."),
        ("evidence_ids", "VARCHAR[]", "Evidence it rests on; joins cluster_evidence."),
        ("addresses", "VARCHAR[]", "For a recommendation: the pain points or strengths (insight_id) it addresses."),
        ("target_metric", "VARCHAR", "Metric that a recommendation means to move; joins feature_catalog."),
        ("direction", "VARCHAR", "increase or decrease; NULL for a pain point."),
        ("change", "VARCHAR", "What a recommendation would change in the product."),
        ("hypothesis", "VARCHAR", "If ... then ... because ...: a hypothesis, not a finding."),
        (
            "step_action",
            "VARCHAR",
            "The action at which it happens, as the log names it; NULL where it is about no place.",
        ),
        ("reach_users", "BIGINT", "Users of the cluster whom it concerns; NULL where that is not known."),
        (
            "severity",
            "DOUBLE",
            "Share of the cluster's users lost at the place beyond the others' loss, 0 to 1; NULL: not known.",
        ),
        ("replicated", "BOOLEAN", "Whether its first evidence replicated; false is tentative, NULL was not measured."),
        (
            "confidence",
            "VARCHAR",
            "high, medium or low: how sure it is that it is there, for a recommendation that it helps.",
        ),
        ("effort", "VARCHAR", "For a recommendation: small, medium or large."),
        ("risk", "VARCHAR", "For a recommendation: what might get worse."),
        ("guardrail", "VARCHAR", "For a recommendation: what must not get worse during a test."),
        ("cheapest_test", "VARCHAR", "For a recommendation: the cheapest way to learn whether it can work."),
        ("falsified_by", "VARCHAR", "For a recommendation: what would prove it wrong."),
        (
            "shared_with",
            "VARCHAR[]",
            "For a recommendation: the other clusters that have the same one, a row each; shown and counted once.",
        ),
        ("rank", "BIGINT", "Order within its cluster and kind, from 1."),
        ("source", "VARCHAR", "llm or rules: who wrote it."),
        ("model", "VARCHAR", "provider:model for llm; NULL for rules."),
        ("prompt_version", "VARCHAR", "Version of the prompts or of the rules."),
        ("input_sha256", "VARCHAR", "SHA-256 of what the text was written from; a text is reused while it is equal."),
        _CREATED,
    ),
    key=("snapshot_date", "cluster_id", "insight_id"),
    made_from=(
        "user_features",
        "feature_catalog",
        "user_clusters",
        "cluster_identities",
        "cluster_evidence",
        "event_catalog",
    ),
)
LLM_CALLS = Table(
    "llm_calls",
    "Every call to a model: what was sent, what came back.",
    _columns(
        ("call_id", "VARCHAR", "Unique id of the call."),
        _SNAPSHOT,
        ("cluster_id", "VARCHAR", "The cluster asked about; NULL when all were asked about together."),
        ("provider", "VARCHAR", "openai, anthropic, ollama, ..."),
        ("model", "VARCHAR", "Model id."),
        ("prompt_version", "VARCHAR", "Version of the prompts."),
        ("prompt", "VARCHAR", "What was sent, whole."),
        ("response", "VARCHAR", "What came back, whole; NULL when nothing did."),
        ("input_tokens", "BIGINT", "Tokens sent, as the provider counts."),
        ("output_tokens", "BIGINT", "Tokens received, as the provider counts."),
        ("latency_ms", "BIGINT", "How long the call took, retries included."),
        ("outcome", "VARCHAR", "ok, refused, invalid, error, timeout, ...: how it ended."),
        (
            "error",
            "VARCHAR",
            "The error in words, without secrets; in an accepted reply, after 'mended: ', what was put right; else NULL.",
        ),
        _CREATED,
    ),
    key=("call_id",),
    made_from=(
        "user_features",
        "feature_catalog",
        "user_clusters",
        "cluster_identities",
        "cluster_evidence",
        "event_catalog",
    ),
)
CLUSTER_TRANSITIONS = Table(
    "cluster_transitions",
    "Who moved from where to where since the snapshot before.",
    _columns(
        ("from_snapshot", "DATE", "The snapshot before."),
        ("to_snapshot", "DATE", "This snapshot."),
        ("from_cluster_id", "VARCHAR", "Cluster then; NULL is unassigned or absent."),
        ("to_cluster_id", "VARCHAR", "Cluster now; NULL is unassigned or absent."),
        ("users", "BIGINT", "Users who made this move."),
        (
            "kind",
            "VARCHAR",
            "continue, split, merge, birth or death: what this link means for the clusters; NULL for a mere move.",
        ),
    ),
    key=("to_snapshot", "from_cluster_id", "to_cluster_id"),
    made_from=("user_features", "feature_catalog", "events", "event_catalog"),
)

_PLAN = tuple(Column(field.name, field.sql_type, field.comment) for field in PLAN_FIELDS.values())
TEST_ROADMAP = Table(
    "test_roadmap", "The plans, one row each: planning only, nothing is executed.", _PLAN, key=("plan_id",)
)
TEST_ROADMAP_HISTORY = Table(
    "test_roadmap_history", "Every revision of every plan, append-only.", _PLAN, key=("plan_id", "revision")
)
CLUSTER_NAMES = Table(
    "cluster_names",
    "Names that people gave to clusters; the newest revision is shown over the pipeline's name.",
    _columns(
        _CLUSTER,
        ("revision", "BIGINT", "Counts up with every edit, from 1."),
        ("name", "VARCHAR", "The name; NULL takes an edit back."),
        ("edited_by", "VARCHAR", "Who edited it."),
        ("edited_at", "TIMESTAMP", "When (UTC)."),
    ),
    key=("cluster_id", "revision"),
)
PLAN_COMMENTS = Table(
    "plan_comments",
    "What people say about a plan, oldest first.",
    _columns(
        ("comment_id", "VARCHAR", "Unique id of the comment."),
        ("plan_id", "VARCHAR", "The plan; joins test_roadmap."),
        ("revision", "BIGINT", "The plan's revision when it was said."),
        ("text", "VARCHAR", "What was said."),
        ("said_by", "VARCHAR", "Who said it."),
        ("said_at", "TIMESTAMP", "When (UTC)."),
    ),
    key=("comment_id",),
)
SAVED_SEGMENTS = Table(
    "saved_segments",
    "Segments that people saved; the newest revision of each counts.",
    _columns(
        ("segment_id", "VARCHAR", "Stable id of the segment (S01, S02, ...)."),
        ("revision", "BIGINT", "Counts up with every save, from 1."),
        ("name", "VARCHAR", "What people call it."),
        (
            "rule",
            "JSON",
            "The conditions that all hold: kind (did, did_not, never_came_back, metadata, first_seen, active, cluster), "
            "subjects, value, first_day, last_day; NULL where users are listed.",
        ),
        ("users", "VARCHAR[]", "The users who were selected on the map; NULL where conditions select."),
        ("saved_by", "VARCHAR", "Who saved it."),
        ("saved_at", "TIMESTAMP", "When (UTC)."),
        ("deleted_at", "TIMESTAMP", "When it was deleted (UTC); NULL: it is there."),
    ),
    key=("segment_id", "revision"),
)

INSIGHT_FEEDBACK = Table(
    "insight_feedback",
    "What people say of insights; the newest revision of each counts.",
    _columns(
        ("insight_id", "VARCHAR", "The insight; joins cluster_insights."),
        ("revision", "BIGINT", "Counts up with everything that is said of the insight, from 1."),
        ("snapshot_date", "DATE", "The snapshot that it was said of."),
        _CLUSTER,
        ("title", "VARCHAR", "The insight's title then."),
        (
            "verdict",
            "VARCHAR",
            "useful, known, planned or dismissed (hidden in the app and ranked last until the effect leaves its interval); "
            "NULL takes back what was said.",
        ),
        ("text", "VARCHAR", "Why; a dismissal always says so. NULL where nobody did."),
        ("evidence_id", "VARCHAR", "The first evidence that the insight cites; NULL where it cites none."),
        ("ci_low", "DOUBLE", "Lower end of the 95% interval of that evidence's effect then."),
        ("ci_high", "DOUBLE", "Upper end of the interval."),
        ("said_by", "VARCHAR", "Who said it."),
        ("said_at", "TIMESTAMP", "When (UTC)."),
    ),
    key=("insight_id", "revision"),
)

PUBLISHED_FILES = Table(
    "published_files",
    "Grupa's own bookkeeping: what this version is made of.",
    _columns(
        ("table_name", "VARCHAR", "The table."),
        ("day", "DATE", "The snapshot's day, or the day of the events."),
        ("content_key", "VARCHAR", "SHA-256 of the rows, without the columns that differ each time they are computed."),
        ("path", "VARCHAR", "Parquet file, relative to the warehouse; NULL when the rows are in this file alone."),
        ("rows", "BIGINT", "Number of rows."),
        (
            "inputs",
            "JSON",
            "What it was made from: for a snapshot's table the content keys of tables, for events the SHA-256 of the log.",
        ),
        (
            "bytes_sha256",
            "VARCHAR",
            "SHA-256 of the Parquet file's bytes; NULL when there is none, or it is not known.",
        ),
    ),
    key=("table_name", "day", "content_key"),
)

COLUMN_MAPPINGS = Table(
    "column_mappings",
    "Which columns of a log hold the fields of an event, as people said; a log with the same set of columns is read likewise.",
    _columns(
        ("columns", "VARCHAR[]", "The set of the log's columns, sorted."),
        ("mapping", "VARCHAR", "The columns of the fields, such as user_id=distinct_id,timestamp=time,action=event."),
        ("file_sha256", "VARCHAR", "The file for which it was said last; joins ingested_files."),
        ("said_at", "TIMESTAMP", "When (UTC)."),
    ),
    key=("columns",),
)

PIPELINE_TABLES: tuple[Table, ...] = (
    EVENTS,
    INGESTED_FILES,
    REJECTED_ROWS,
    COLUMN_MAPPINGS,
    SEGMENTATIONS,
    SEGMENTATION_CANDIDATES,
    EVENT_CATALOG,
    USER_FEATURES,
    FEATURE_CATALOG,
    USER_EMBEDDINGS,
    USER_CLUSTERS,
    CLUSTER_IDENTITIES,
    CLUSTERS,
    JOURNEY_STEPS,
    JOURNEY_PATHS,
    ACTION_OUTCOMES,
    CLUSTER_TRENDS,
    CLUSTER_EVIDENCE,
    CLUSTER_INSIGHTS,
    LLM_CALLS,
    CLUSTER_TRANSITIONS,
    PUBLISHED_FILES,
)
SNAPSHOT_TABLES: tuple[Table, ...] = tuple(table for table in PIPELINE_TABLES if table.made_from)
"""The tables that are computed for each snapshot and published together."""

ROADMAP_TABLES: tuple[Table, ...] = (
    TEST_ROADMAP,
    TEST_ROADMAP_HISTORY,
    CLUSTER_NAMES,
    PLAN_COMMENTS,
    SAVED_SEGMENTS,
    INSIGHT_FEEDBACK,
)
