"""The fields of a test plan: the single specification from which everything else is derived.

A field is one line of `PlanFields`. That line determines its column in `test_roadmap` (SQL type and NOT NULL follow from the
Python type), its comment in the database and in `docs/tables.md`, its control in the planner's form and how edits are parsed,
its position in the exports and the brief, and whether erasing a person searches it. A new field needs a line here, its name
in `FORM` if users edit it, and a migration in `dash_app/roadmap/schema.py`.

Independent of Dash and DuckDB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from enum import Enum, StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from grupa_pipeline.vocabulary.enums import BaselineUsers, Direction, MetricKind, PlanStatus
from grupa_pipeline.vocabulary.form_controls import ChoiceControl, Control, DayControl, NumberControl, TextControl
from grupa_pipeline.vocabulary.plan_parts import Audience, Cuped, Decision, Looks, PlanResult, Replay, Tracking

IMPACTS = (0.25, 0.5, 1.0, 2.0, 3.0)
_SQL_TYPES: Mapping[Any, str] = {
    str: "VARCHAR",
    bool: "BOOLEAN",
    int: "BIGINT",
    float: "DOUBLE",
    date: "DATE",
    datetime: "TIMESTAMP",
}


class Content(StrEnum):
    """What a text column holds, for the erasure of a person."""

    FREE_TEXT = "free_text"
    IDENTIFIER = "identifier"
    PERSON = "person"


@dataclass(frozen=True)
class PlanField:
    """Specification of one field, besides its default.

    Attributes:
        comment: Meaning of the field; the column's comment.
        control: Form control; None for a field that users do not edit, or that has its own control in
            `components/planner/form.py`.
        content: Kind of content of a text. Free text by default, so that erasing a person searches it.
        heading: Heading of its own section in the test brief; empty for none.
        bookkeeping: Whether the store sets it with every save. Never NULL in the store, and not listed as a change.
        name: The attribute and column; filled in by `PLAN_FIELDS`.
        python_type: Its type without `None`; filled in by `PLAN_FIELDS`.
        nullable: Whether the column may be NULL; filled in by `PLAN_FIELDS`.
    """

    comment: str
    control: Control | None = None
    content: Content = Content.FREE_TEXT
    heading: str = ""
    bookkeeping: bool = False
    name: str = ""
    python_type: Any = None
    nullable: bool = False

    @property
    def item_type(self) -> Any:
        """The type of a tuple's items; None for any other field."""
        return get_args(self.python_type)[0] if get_origin(self.python_type) is tuple else None

    @property
    def sql_type(self) -> str:
        """The column's DuckDB type; dataclasses and tuples of them are JSON."""
        if is_dataclass(self.python_type):
            return "JSON"
        if self.item_type is not None:
            return "JSON" if is_dataclass(self.item_type) else f"{_SQL_TYPES[self.item_type]}[]"
        return "VARCHAR" if issubclass(self.python_type, Enum) else _SQL_TYPES[self.python_type]

    @property
    def holds_free_text(self) -> bool:
        """Whether the column holds free text by users or models."""
        return self.content is Content.FREE_TEXT and (self.python_type is str or self.sql_type == "JSON")


@dataclass(frozen=True)
class Arm:
    """One variant: its share of the users (in any unit), its number of users once sized, and a description."""

    name: str
    weight: float = 1.0
    n: int | None = None
    description: str = ""


@dataclass(frozen=True)
class Guardrail:
    """A metric that must not get worse by `margin_absolute` (in its own unit) or more.

    `worse` is the harmful direction; `n_per_arm` (of the control arm) and `n_total` are the numbers of users required,
    once sized.
    """

    metric: str
    metric_kind: MetricKind
    worse: Direction
    baseline: float
    baseline_sd: float | None
    baseline_n: int
    margin_absolute: float
    margin_relative: float | None = None
    n_per_arm: int | None = None
    n_total: int | None = None


_ID = Content.IDENTIFIER
_DIRECTIONS = ChoiceControl("It should", {value: value for value in Direction})
_STATUSES = ChoiceControl("Status", {value: value for value in PlanStatus})
_SIDES = ChoiceControl("Sides", {"2": "two-sided", "1": "one-sided"})
_IMPACT = ChoiceControl("Impact", {f"{value:g}": f"{value:g}" for value in IMPACTS})
_POWER = NumberControl("Power", 0.5, 0.99, step=0.05)
_ALPHA = NumberControl("Alpha", 0.001, 0.2, step=0.01)
_TRAFFIC = NumberControl("Share who take part", 1, 100, suffix="%", percent=True)
_EXPOSURE = NumberControl("Exposure", 1, suffix=" days", debounce_ms=600)
_CONFIDENCE = NumberControl("Confidence", 0, 100, suffix="%", percent=True)
_EFFORT = NumberControl("Effort (person-months)", 0.1, step=0.5)


@dataclass(frozen=True, kw_only=True)
class PlanFields:
    """Values of a plan: one attribute per column of `test_roadmap`, in order."""

    plan_id: Annotated[str, PlanField("Unique id of the plan.", content=_ID)]
    revision: Annotated[int, PlanField("Counts up with every save, from 1.", bookkeeping=True)] = 0
    status: Annotated[PlanStatus, PlanField("idea, draft, ready, scheduled or archived.", _STATUSES)] = PlanStatus.DRAFT
    position: Annotated[float, PlanField("Order within its status; smaller comes first.", bookkeeping=True)] = 0.0
    snapshot_date: Annotated[date, PlanField("Snapshot it was planned from.")]
    cluster_id: Annotated[str, PlanField("Cluster it is for.", content=_ID)]
    recommendation_id: Annotated[str, PlanField("The recommendation (insight_id) it tests.", content=_ID)]
    evidence_ids: Annotated[tuple[str, ...], PlanField("Evidence as it was when the plan was made.")] = ()
    name: Annotated[str, PlanField("Name of the test.", TextControl("Name"))]
    owner: Annotated[str, PlanField("Who is responsible.", TextControl("Owner"), Content.PERSON)] = ""
    hypothesis: Annotated[
        str, PlanField("If ... then ... because ...", TextControl("Hypothesis", 2), heading="Hypothesis")
    ] = ""
    population: Annotated[
        str,
        PlanField(
            "Who takes part, in words: the cluster's rule, or which clusters, or everyone.",
            TextControl("Who takes part", 1),
        ),
    ] = ""
    variants: Annotated[tuple[Arm, ...], PlanField("The arms: name, weight and n of each.")] = (
        Arm("control"),
        Arm("treatment"),
    )
    primary_metric: Annotated[str, PlanField("Metric that decides; joins feature_catalog.", content=_ID)]
    metric_kind: Annotated[MetricKind, PlanField("proportion, mean or ratio.")]
    direction: Annotated[Direction, PlanField("increase or decrease: which way it should move.", _DIRECTIONS)]
    baseline: Annotated[float, PlanField("The metric's value now.")]
    baseline_sd: Annotated[float | None, PlanField("Standard deviation between users, for means and ratios.")] = None
    baseline_n: Annotated[int, PlanField("Users the baseline was measured on.")]
    baseline_from: Annotated[datetime, PlanField("First instant of the baseline's days (UTC).")]
    baseline_to: Annotated[datetime, PlanField("End of the baseline's days (UTC, exclusive).")]
    baseline_unseen: Annotated[
        bool, PlanField("Whether those days were unseen when the users were picked; if not, it may flatter.")
    ]
    exposure_days: Annotated[int, PlanField("Days from first being eligible in which the metric counts.", _EXPOSURE)]
    mde_relative: Annotated[float | None, PlanField("Minimum detectable effect over the baseline (0.1 is +10%).")] = (
        None
    )
    mde_absolute: Annotated[float, PlanField("The same in the metric's own unit.")]
    alpha: Annotated[float, PlanField("Significance level.", _ALPHA)] = 0.05
    power: Annotated[float, PlanField("Chance to see an effect of that size.", _POWER)] = 0.8
    sides: Annotated[int, PlanField("1 or 2.", _SIDES)] = 2
    method: Annotated[str, PlanField("Name of the formula.", content=_ID)] = ""
    guardrails: Annotated[
        tuple[Guardrail, ...], PlanField("Guardrail metrics, each with its margin and the n it needs.")
    ] = ()
    traffic_share: Annotated[float, PlanField("Share of the population that takes part, 0 to 1.", _TRAFFIC)] = 1.0
    n_per_arm: Annotated[int | None, PlanField("Users in the control arm.")] = None
    n_total: Annotated[int | None, PlanField("Users in all arms.")] = None
    duration_days: Annotated[
        int | None,
        PlanField("Days until n_total different eligible users have come and been exposed, in whole weeks."),
    ] = None
    feasible: Annotated[bool | None, PlanField("Whether it ends within eight weeks.")] = None
    decision_rule: Annotated[str, PlanField("What will be decided on which result.")] = ""
    start_date: Annotated[date | None, PlanField("Planned first day.", DayControl("First day"))] = None
    end_date: Annotated[date | None, PlanField("Planned last day.")] = None
    rice_reach: Annotated[float | None, PlanField("Eligible users a quarter, from the data.")] = None
    rice_impact: Annotated[float, PlanField("Impact a user: .25, .5, 1, 2 or 3.", _IMPACT)] = 1.0
    rice_confidence: Annotated[float, PlanField("Confidence, 0 to 1.", _CONFIDENCE)] = 0.5
    rice_effort: Annotated[float, PlanField("Person-months.", _EFFORT)] = 1.0
    rice_score: Annotated[float | None, PlanField("reach * impact * confidence / effort.")] = None
    brief: Annotated[str, PlanField("The test brief in Markdown.", bookkeeping=True)] = ""
    updated_by: Annotated[str, PlanField("Who saved this revision.", content=Content.PERSON, bookkeeping=True)] = ""
    created_at: Annotated[datetime | None, PlanField("When the plan was made (UTC).", bookkeeping=True)] = None
    updated_at: Annotated[datetime | None, PlanField("When this revision was saved (UTC).", bookkeeping=True)] = None
    deleted_at: Annotated[datetime | None, PlanField("When it was removed (UTC); NULL while it is on the roadmap.")] = (
        None
    )
    baseline_users: Annotated[
        BaselineUsers | None,
        PlanField(
            "From which users the baseline was taken: rule, members or members_no_rule (the cluster has no rule stored as"
            " conditions); NULL for plans of earlier releases."
        ),
    ] = None
    audience: Annotated[
        Audience | None,
        PlanField("Whose users take part: kind (cluster, siblings, everyone) and clusters; NULL is the cluster's."),
    ] = None
    cuped: Annotated[
        Cuped | None, PlanField("The metric of the days before that takes off variance, and how much; NULL for none.")
    ] = None
    looks: Annotated[Looks | None, PlanField("A group-sequential plan: looks and boundaries; NULL is one look.")] = None
    replay: Annotated[
        Replay | None, PlanField("False alarms and power on the audience's own past; NULL where not replayed.")
    ] = None
    result: Annotated[PlanResult | None, PlanField("What the test showed; NULL until it is known.")] = None
    decision: Annotated[Decision | None, PlanField("ship, stop or iterate; NULL until it is decided.")] = None
    lesson: Annotated[str | None, PlanField("What was learnt.", heading="What was learnt")] = None
    decided_at: Annotated[datetime | None, PlanField("When it was decided (UTC).")] = None
    approved_by: Annotated[str | None, PlanField("Who approved it.", content=Content.PERSON)] = None
    approved_at: Annotated[datetime | None, PlanField("When it was approved (UTC).")] = None
    tracking: Annotated[
        Tracking | None, PlanField("Whether a shipped change shows in later snapshots; NULL until one was measured.")
    ] = None
    caution: Annotated[
        str | None, PlanField("Why its cluster is not to be relied on; NULL where it is.", heading="Mind this first")
    ] = None


@dataclass(frozen=True)
class FormSection:
    """A part of the planner's form: fields below each other, then fields in a grid.

    A name is that of a `PlanField` with a control, or of a control that `components/planner/form.py` builds itself.
    """

    title: str
    rows: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()


FORM = (
    FormSection("What is tested", rows=("name", "hypothesis", "change", "population")),
    FormSection(
        "How it is measured",
        rows=("primary_metric",),
        grid=(
            "direction",
            "mde",
            "power",
            "alpha",
            "sides",
            "weights",
            "traffic_share",
            "exposure_days",
            "looks",
            "futility",
        ),
    ),
    FormSection("What must not get worse", rows=("guardrails", "margins")),
    FormSection(
        "Who decides when",
        grid=("owner", "status", "start_date", "rice_impact", "rice_confidence", "rice_effort"),
    ),
)


def plan_fields(cls: type[PlanFields]) -> Mapping[str, PlanField]:
    """The fields of a plan class by name, in order, each with its name, type and nullability."""
    hints = get_type_hints(cls, include_extras=True)
    return MappingProxyType({field.name: _resolve(field.name, hints[field.name]) for field in fields(cls)})


def _resolve(name: str, hint: Any) -> PlanField:
    value_type: Any
    field: PlanField
    value_type, field = get_args(hint)
    optional = isinstance(value_type, UnionType)
    if optional:
        (value_type,) = (part for part in get_args(value_type) if part is not NoneType)
    return replace(field, name=name, python_type=value_type, nullable=optional and not field.bookkeeping)


PLAN_FIELDS = plan_fields(PlanFields)
"""Every field of a plan by name, in the order of the table's columns."""
