"""What users do with proposals: create, submit, revise, withdraw or abandon them. No columns where a log has no proposals.

Proposals are identified by the metadata key that the roles name. Where a log has no such key, a submission belongs to
the creation right before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.units import HOUR
from grupa_pipeline.features.action_columns import ActionColumns
from grupa_pipeline.features.catalog import (
    FeatureColumn,
    FeatureGroup,
    mean_duration,
    per_week,
    ratio,
    share_of_users,
)
from grupa_pipeline.vocabulary.enums import FeatureRole, Role
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_STEPS = {
    Role.PROPOSAL_CREATE: "created",
    Role.PROPOSAL_SUBMIT: "submitted",
    Role.PROPOSAL_REVISE: "revised",
    Role.PROPOSAL_WITHDRAW: "withdrawn",
}
"""Each step of a proposal and its column."""
_BETTER = {Role.PROPOSAL_SUBMIT: True, Role.PROPOSAL_WITHDRAW: False}


@dataclass(frozen=True)
class ProposalSteps:
    """Steps and outcomes of proposals of every user, those with few events included.

    Attributes:
        actions: The actions of each step, by its role.
        counts: A row a user and proposal (NULL where none is named): user_key, proposal, how often it was created,
            submitted, revised and withdrawn, and how often each good outcome occurred.
        outcomes: Column of each good outcome with columns, by its name.
        waits: user_key, wait: microseconds from a creation to the submission that follows it.
    """

    actions: Mapping[Role, Sequence[str]]
    counts: ir.Table
    outcomes: Mapping[str, str]
    waits: ir.Table


def count_proposal_steps(window: EventWindow, columns: ActionColumns) -> ProposalSteps | None:
    """Count the steps of proposals; None where the log has no step of any."""
    actions = {role: window.actions_of(role) for role in _STEPS}
    listed = [action for names in actions.values() for action in names]
    if not listed:
        return None
    # Good outcomes also where the window has no submission: what is cached of a day must not depend on other days.
    aggregate = partial(_aggregate, window, actions, sorted({*listed, *window.actions_of(Role.GOAL)}))
    tables = window.aggregates.compute(["proposals", "proposal_ends", "proposal_waits"], aggregate)
    good = [action.name for action in columns.outcomes if window.assigned[action.name] is Role.GOAL]
    outcomes = {name: f"good{number}" for number, name in enumerate(good)}
    by_range = tables["proposals"]
    counted = {column: window.is_one_of(by_range, actions[role]) for role, column in _STEPS.items()}
    counted |= {column: window.is_one_of(by_range, [name]) for name, column in outcomes.items()}
    counts = by_range.group_by("user_key", "proposal").agg(
        **{column: by_range.n.sum(where=is_it).fill_null(0).cast("int64") for column, is_it in counted.items()}
    )
    ends = tables["proposal_ends"]
    order = ibis.window(group_by=["user_key", "proposal"], order_by="first_key")
    beside = ends.mutate(before=ends.last_key.lag().over(order))
    waits = tables["proposal_waits"].union(_waits(beside, "first_key").drop("proposal"))
    return ProposalSteps(actions, window.engine.materialize(counts), outcomes, waits)


def _aggregate(
    window: EventWindow, actions: Mapping[Role, Sequence[str]], listed: Sequence[str], events: ir.Table
) -> dict[str, ir.Table]:
    proposal = window.engine.json_text(events.metadata, window.roles.proposal_key)
    steps = events.filter(events.action.isin(listed)).select("user_id", "day_range", "at", "action", proposal=proposal)
    steps = window.engine.materialize(window.engine.with_keys(steps))
    submits = actions[Role.PROPOSAL_SUBMIT]
    ends = steps.filter(window.is_one_of(steps, [*actions[Role.PROPOSAL_CREATE], *submits]))
    # At the same instant a creation comes before its submission.
    submit = window.is_one_of(ends, submits)
    keyed = ends.select("user_key", "day_range", "proposal", key=ends["at"] * 2 + submit.cast("int64"))
    order = ibis.window(group_by=["user_key", "day_range", "proposal"], order_by="key")
    beside = keyed.mutate(before=keyed.key.lag().over(order))
    return {
        "proposals": steps.group_by("user_key", "day_range", "proposal", "action_key").agg(n=steps.count()),
        "proposal_ends": keyed.group_by("user_key", "day_range", "proposal").agg(
            first_key=keyed.key.min(), last_key=keyed.key.max()
        ),
        "proposal_waits": _waits(beside, "key").drop("proposal"),
    }


def _waits(beside: ir.Table, key: str) -> ir.Table:
    """The rows of which `key` is a submission and `before` a creation, with the time between them."""
    pairs = beside.filter(beside[key] & 1 == 1, beside.before & 1 == 0)
    columns = [name for name in ("user_key", "day_range", "proposal") if name in pairs.columns]
    return pairs.select(*columns, wait=(pairs[key] >> 1) - (pairs.before >> 1))


def proposals(window: EventWindow, steps: ProposalSteps) -> FeatureGroup:
    """Proposals of each user with enough events."""
    counts = _count(steps)
    hours = steps.waits.group_by("user_key").agg(hours_to_submit=steps.waits.wait.quantile(0.5) / HOUR)
    rows = window.spans.left_join(counts, "user_key").left_join(hours, "user_key")
    rows = rows.select(
        "user_key",
        "days",
        "hours_to_submit",
        **{name: rows[name].fill_null(0) for name in counts.columns if name != "user_key"},
    )
    features = [_weekly(rows, role, names) for role, names in steps.actions.items() if names]
    create, submit = steps.actions[Role.PROPOSAL_CREATE], steps.actions[Role.PROPOSAL_SUBMIT]
    if create and submit:
        source = "\n".join([*create, *submit])
        features += _completion(rows, source) + _abandonment(rows, source)
    return FeatureGroup(rows, features)


def _count(steps: ProposalSteps) -> ir.Table:
    """A row a user: created, submitted, revised, withdrawn, and completed (created ones that were submitted)."""
    counts = steps.counts
    one = (
        counts.proposal.notnull()
    )  # A proposal known by its id is created and submitted once, however often it is sent.
    counts = counts.mutate(
        created=one.ifelse(ibis.least(counts.created, 1), counts.created),
        submitted=one.ifelse(ibis.least(counts.submitted, 1), counts.submitted),
    )
    counts = counts.mutate(completed=ibis.least(counts.created, counts.submitted))
    return counts.group_by("user_key").agg(
        **{name: counts[name].sum().cast("int64") for name in (*_STEPS.values(), "completed")}
    )


def _weekly(rows: ir.Table, role: Role, actions: Sequence[str]) -> FeatureColumn:
    done = _STEPS[role]
    counted = "revisions of proposals" if role is Role.PROPOSAL_REVISE else f"proposals {done}"
    return per_week(
        name=f"proposals_{done}_per_week",
        family=FeatureFamily.PROPOSALS,
        source_action="\n".join(actions),
        value=rows[done],
        per=rows.days / 7,
        label=f"{counted} a week",
        description=f"{counted} a week, from the first event to the end of the window",
        unit="proposals/week",
        role=FeatureRole.CLUSTERING,
        numerator=counted,
        higher_is_better=_BETTER.get(role),
    )


def _completion(rows: ir.Table, source: str) -> list[FeatureColumn]:
    return [
        ratio(
            name="proposal_submit_share",
            family=FeatureFamily.PROPOSALS,
            source_action=source,
            value=rows.completed,
            per=rows.created,
            label="share of proposals submitted",
            description="share of the proposals a user created that were submitted, of users who created one",
            unit="share",
            role=FeatureRole.CLUSTERING,
            numerator="proposals submitted",
            denominator="proposals created",
            higher_is_better=True,
        ),
        mean_duration(
            name="hours_to_submit",
            family=FeatureFamily.PROPOSALS,
            source_action=source,
            value=rows.hours_to_submit,
            label="hours from create to submit",
            description="median hours from creating a proposal to submitting it, of users who did both",
            unit="hours",
            role=FeatureRole.CLUSTERING,
            higher_is_better=False,
        ),
    ]


def _abandonment(rows: ir.Table, source: str) -> list[FeatureColumn]:
    left = rows.created - rows.completed
    return [
        per_week(
            name="proposals_abandoned_per_week",
            family=FeatureFamily.PROPOSALS,
            source_action=source,
            value=left,
            per=rows.days / 7,
            label="proposals abandoned a week",
            description="proposals created but not submitted within the window, a week",
            unit="proposals/week",
            role=FeatureRole.CLUSTERING,
            numerator="proposals abandoned",
            higher_is_better=False,
        ),
        share_of_users(
            name="abandoned_a_proposal",
            family=FeatureFamily.PROPOSALS,
            source_action=source,
            value=(left > 0).cast("int64"),
            label="abandoned a proposal",
            description="users who created a proposal and had not submitted it by the end of the window",
            role=FeatureRole.CONTEXT,
            numerator="users with an abandoned proposal",
            higher_is_better=False,
        ),
    ]
