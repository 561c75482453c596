"""What the app shows of one snapshot: its state, clusters, evidence and insights, held as plain objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from dash_app import formatting
from dash_app.data.action_labels import ActionLabels
from dash_app.data.journeys import GoalRates, GroupJourneys
from dash_app.planning.metric_groups import MetricGroup, metric_group
from grupa_pipeline.event_catalog.action_meanings import GoalNote
from grupa_pipeline.vocabulary.feature_families import FeatureFamily
from grupa_pipeline.vocabulary.insight_feedback import Feedback, InsightFeedback
from grupa_pipeline.vocabulary.rule_conditions import Rule


@dataclass(frozen=True)
class Feature:
    """One row of feature_catalog; `label` is its short name on a screen."""

    feature: str
    label: str
    description: str
    unit: str
    role: str
    metric_kind: str
    higher_is_better: bool | None
    source_action: str | None
    family: str | None = None
    subject: str | None = None

    @property
    def group(self) -> MetricGroup:
        """Where a planner lists it."""
        return metric_group(self.family, self.metric_kind, self.role, self.unit)


@dataclass(frozen=True)
class Evidence:
    """One row of cluster_evidence, with the words of its metric: `label` is short. Shares are 0 to 1."""

    evidence_id: str
    metric: str
    measure: str
    unit: str
    cluster_value: float
    rest_value: float
    lift: float | None
    effect_size: float
    ci_low: float
    ci_high: float
    n_cluster: int
    n_rest: int
    descriptive: bool
    description: str
    label: str
    role: str
    family: str | None = None

    @property
    def leaves_outcomes_out(self) -> bool:
        """Whether it is a share of the events that are no outcomes."""
        return self.family == FeatureFamily.ACTION_SHARE


@dataclass(frozen=True)
class Insight:
    """One row of cluster_insights; `feedback` is what a person said of it."""

    insight_id: str
    cluster_id: str
    kind: str
    title: str
    body: str
    evidence_ids: tuple[str, ...]
    addresses: tuple[str, ...]
    target_metric: str | None
    direction: str | None
    change: str | None
    hypothesis: str | None
    source: str
    model: str | None
    replicated: bool | None = None
    effort: str | None = None
    confidence: str | None = None
    guardrail: str | None = None
    cheapest_test: str | None = None
    falsified_by: str | None = None
    shared_with: tuple[str, ...] = ()
    step_action: str | None = None
    feedback: InsightFeedback | None = None


TREND_SNAPSHOTS = 12


@dataclass(frozen=True)
class Memberships:
    """How many users of a cluster are at its core, likely in it, and between it and another one (`Membership`)."""

    core: int = 0
    likely: int = 0
    between: int = 0


@dataclass(frozen=True)
class Cluster:
    """A cluster as a card shows it.

    `replication` is Cohen's kappa in other sessions, `found_by` the views (`FeatureView`) that tell it from the nearest
    cluster, the clearest first, and `nature` a `ClusterNature`; these and `memberships` are None or empty where an earlier
    release wrote the snapshot. `rule_conditions` is None where an earlier release wrote a rule that could not be turned into
    conditions; `trend` is its size in the last `TREND_SNAPSHOTS` snapshots that have it, up to this one, oldest first.
    `goal_rate` is the share of its users who reached the snapshot's goal; None where the log has none.
    `dismissed` are insights that a person dismissed, and recommendations for nothing else.
    """

    cluster_id: str
    name: str
    summary: str
    size: int
    share: float
    stability: float | None
    rule: str | None
    rule_conditions: Rule | None
    rule_f1: float | None
    first_seen: date | None
    color_slot: int
    fallback_reason: str | None
    replication: float | None = None
    found_by: tuple[str, ...] = ()
    nature: str | None = None
    memberships: Memberships | None = None
    evidence: tuple[Evidence, ...] = ()
    pain_points: tuple[Insight, ...] = ()
    strengths: tuple[Insight, ...] = ()
    recommendations: tuple[Insight, ...] = ()
    dismissed: tuple[Insight, ...] = ()
    trend: tuple[tuple[date, int], ...] = ()
    named_by_person: bool = False
    journeys: GroupJourneys = field(default_factory=GroupJourneys)
    goal_rate: float | None = None

    @property
    def model_was_asked(self) -> bool:
        """Whether a model wrote of this cluster, or was to."""
        return bool(self.fallback_reason) or any(each.source == "llm" for each in self.insights)

    @property
    def insights(self) -> tuple[Insight, ...]:
        """Pain points, strengths and recommendations that are shown."""
        return (*self.pain_points, *self.strengths, *self.recommendations)

    def judged(self, feedback: Feedback) -> "Cluster":
        """The same cluster with what people said of its insights, and without those that they dismissed."""
        if not any(each.insight_id in feedback for each in self.insights):
            return self
        effects = {each.evidence_id: each.effect_size for each in self.evidence}
        gone = {each.insight_id for each in self.insights if _is_dismissed(each, feedback, effects)}
        gone |= {each.insight_id for each in self.recommendations if each.addresses and gone.issuperset(each.addresses)}
        all_ = [replace(each, feedback=feedback.get(each.insight_id)) for each in self.insights]
        kept = {each.insight_id: each for each in all_ if each.insight_id not in gone}

        def shown(insights: tuple[Insight, ...]) -> tuple[Insight, ...]:
            return tuple(kept[each.insight_id] for each in insights if each.insight_id in kept)

        return replace(
            self,
            pain_points=shown(self.pain_points),
            strengths=shown(self.strengths),
            recommendations=shown(self.recommendations),
            dismissed=tuple(each for each in all_ if each.insight_id in gone),
        )

    def evidence_of(self, insight: Insight) -> tuple[Evidence, ...]:
        """The evidence that `insight` cites, in its order."""
        by_id = {item.evidence_id: item for item in self.evidence}
        return tuple(by_id[each] for each in insight.evidence_ids if each in by_id)


@dataclass(frozen=True)
class ClusterChange:
    """A link between the clusters of two snapshots that is more than a mere move of users; `kind` as in `CHANGES`."""

    kind: str
    from_cluster_id: str | None
    to_cluster_id: str | None
    users: int


@dataclass(frozen=True)
class Snapshot:
    """One snapshot.

    `unassigned` counts users in no cluster by reason, `previous` is the snapshot that this one was compared with, if any,
    and `is_first` says that none lies before it. `names` has the latest name of every cluster up to this snapshot, of those
    that are gone too. `goal_note` says that the log has no goal, or nothing but outcomes. `journeys` has a group of journeys
    per cluster, for those in none (`UNASSIGNED_GROUP`) and for everyone (None); `goal_rates` is None without a goal.
    """

    day: date
    status: str
    reason: str | None
    window_start: datetime
    window_end: datetime
    users: int
    events: int
    unassigned_share: float
    stability: float | None
    null_p_value: float | None
    created_at: datetime
    clusters: tuple[Cluster, ...]
    unassigned: tuple[tuple[str, int], ...]
    previous: date | None
    is_first: bool
    changes: tuple[ClusterChange, ...]
    names: Mapping[str, str]
    catalog: Mapping[str, Feature]
    goal_note: GoalNote | None = None
    journeys: Mapping[str | None, GroupJourneys] = field(default_factory=dict)
    goal_rates: GoalRates | None = None
    labels: ActionLabels = field(default_factory=ActionLabels)

    def cluster(self, cluster_id: str | None) -> Cluster | None:
        """The cluster of that id; None when this snapshot has none."""
        return next((each for each in self.clusters if each.cluster_id == cluster_id), None)

    def insight(self, insight_id: str | None) -> tuple[Cluster, Insight] | None:
        """The insight of that id with its cluster; None when this snapshot has none."""
        for cluster in self.clusters:
            for each in (*cluster.insights, *cluster.dismissed):
                if each.insight_id == insight_id:
                    return cluster, each
        return None

    @property
    def models(self) -> tuple[str, ...]:
        """The models that wrote insights here, without repetition; empty when rules wrote all."""
        insights = [each for cluster in self.clusters for each in cluster.insights]
        return tuple(sorted({each.model or "a model" for each in insights if each.source == "llm"}))

    def renamed(self, names: Mapping[str, str]) -> "Snapshot":
        """The same snapshot with people's names for clusters over the pipeline's."""
        if not names.keys() & self.names.keys():
            return self
        clusters = (
            replace(each, name=names[each.cluster_id], named_by_person=True) if each.cluster_id in names else each
            for each in self.clusters
        )
        return replace(self, clusters=tuple(clusters), names={**self.names, **names})

    def judged(self, feedback: Feedback) -> "Snapshot":
        """The same snapshot with what people said of insights, and without those that they dismissed."""
        if not feedback:
            return self
        return replace(self, clusters=tuple(each.judged(feedback) for each in self.clusters))


def _is_dismissed(insight: Insight, feedback: Feedback, effects: Mapping[str, float]) -> bool:
    said = feedback.get(insight.insight_id)
    return said is not None and said.dismisses(effects)


def metric_label(metric: str, catalog: Mapping[str, Feature]) -> str:
    """The label of a metric, capitalised; its column name where the catalog no longer has it."""
    return formatting.capital(catalog[metric].label) if metric in catalog else metric


def metric_unit(metric: str, catalog: Mapping[str, Feature]) -> str:
    """The unit of a metric's values; empty where the catalog no longer has it."""
    return catalog[metric].unit if metric in catalog else ""
