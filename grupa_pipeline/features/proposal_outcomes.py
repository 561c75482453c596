"""Good outcomes per proposal that a user submits. Outcomes are never used for clustering.

No columns where a log has no submissions or no good outcome. What users do with proposals is in `proposals`.
"""

from collections.abc import Sequence

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.features.action_columns import ActionColumn, ActionColumns
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, ratio
from grupa_pipeline.features.proposals import ProposalSteps
from grupa_pipeline.vocabulary.enums import FeatureRole, Role
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_MIN_NAMED_SHARE = 0.5
"""An outcome counts as one of proposals when at least this share of its events names one."""


def proposal_outcomes(window: EventWindow, columns: ActionColumns, steps: ProposalSteps) -> FeatureGroup | None:
    """Good outcomes per submitted proposal of each user with enough events; None where the log has no such outcome."""
    if not window.actions_of(Role.PROPOSAL_SUBMIT) or not steps.outcomes:
        return None
    counts = steps.counts.semi_join(window.spans, "user_key")
    named = _named_shares(window, counts, ["submitted", *steps.outcomes.values()])
    by_id = named["submitted"] >= _MIN_NAMED_SHARE
    chosen = [
        action
        for action in columns.outcomes
        if action.name in steps.outcomes
        and (columns.layout or not by_id or named[steps.outcomes[action.name]] >= _MIN_NAMED_SHARE)
    ]
    names = ["submitted", *(steps.outcomes[action.name] for action in chosen)]
    rows = window.spans.select("user_key").left_join(_count(counts, names, by_id), "user_key")
    rows = rows.select("user_key", **{name: rows[name].fill_null(0) for name in names})
    return FeatureGroup(rows, [_per_proposal(rows, rows[steps.outcomes[action.name]], action) for action in chosen])


def _named_shares(window: EventWindow, counts: ir.Table, columns: Sequence[str]) -> dict[str, float]:
    """Share of the events of each column that name a proposal; 0 where there are none."""
    sums = {f"{column}_named": counts[column].sum(where=counts.proposal.notnull()) for column in columns}
    sums |= {column: counts[column].sum() for column in columns}
    whole = {name: total.fill_null(0).cast("int64") for name, total in sums.items()}
    totals = window.engine.fetch(counts.agg(**whole)).to_pylist()[0]
    return {column: totals[f"{column}_named"] / max(totals[column], 1) for column in columns}


def _count(counts: ir.Table, columns: Sequence[str], by_id: bool) -> ir.Table:
    """A row a user with the sum of each of `columns`, of which the first is `submitted`.

    With proposals identified `by_id`, each counts once, and its outcome once for the user who submitted it; outcomes of
    other users' proposals do not count. Without ids, events are counted.
    """
    if by_id:
        counts = counts.filter(counts.proposal.notnull())
        counts = counts.mutate(**{column: ibis.least(counts[column], counts.submitted, 1) for column in columns})
    return counts.group_by("user_key").agg(**{column: counts[column].sum().cast("int64") for column in columns})


def _per_proposal(rows: ir.Table, count: ir.Value, action: ActionColumn) -> FeatureColumn:
    return ratio(
        name=f"{action.slug}_per_proposal",
        family=FeatureFamily.OUTCOME_PER_PROPOSAL,
        subject=action.name,
        source_action=action.name,
        value=count,
        per=rows.submitted,
        label=f"{action.name} per proposal submitted",
        description=f"{action.name} per proposal submitted, of users who submitted one",
        unit="events/proposal",
        role=FeatureRole.OUTCOME,
        numerator=f"events of {action.name}",
        denominator="proposals submitted",
        higher_is_better=True,
    )
