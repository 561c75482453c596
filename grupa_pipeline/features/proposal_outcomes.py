"""What comes of the proposals a user submits: good outcomes per submitted proposal. Outcomes, which never cluster.

Absent where a log has no submissions or no good outcome. What users do with proposals is in `proposals`.
"""

from collections.abc import Sequence

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.features.action_columns import Action, Census
from grupa_pipeline.features.catalog import Feature, Part
from grupa_pipeline.features.proposals import Told

_LEAST_KNOWN = 0.5
"""An outcome is a proposal's when at least this share of its events names one."""


def deals(log: Log, census: Census, told: Told) -> Part | None:
    """Good outcomes per submitted proposal of each user with enough events; None where the log has no such thing."""
    if not log.actions_of("proposal_submit") or not told.outcomes:
        return None
    done = told.done.semi_join(log.spans, "user_key")
    known = _known(log, done, ["submitted", *told.outcomes.values()])
    named = known["submitted"] >= _LEAST_KNOWN
    chosen = [
        action
        for action in census.outcomes
        if action.name in told.outcomes
        and (census.layout or not named or known[told.outcomes[action.name]] >= _LEAST_KNOWN)
    ]
    columns = ["submitted", *(told.outcomes[action.name] for action in chosen)]
    rows = log.spans.select("user_key").left_join(_count(done, columns, named), "user_key")
    rows = rows.select("user_key", **{column: rows[column].fill_null(0) for column in columns})
    return Part(rows, [_per_proposal(rows, rows[told.outcomes[action.name]], action) for action in chosen])


def _known(log: Log, done: ir.Table, columns: Sequence[str]) -> dict[str, float]:
    """Share of the events of each column that name a proposal; 0 where there are none."""
    sums = {f"{column}_known": done[column].sum(where=done.proposal.notnull()) for column in columns}
    sums |= {column: done[column].sum() for column in columns}
    whole = {name: total.fill_null(0).cast("int64") for name, total in sums.items()}
    counts = log.engine.fetch(done.agg(**whole)).to_pylist()[0]
    return {column: counts[f"{column}_known"] / max(counts[column], 1) for column in columns}


def _count(done: ir.Table, columns: Sequence[str], named: bool) -> ir.Table:
    """A row a user with the sum of each of `columns`, of which the first is `submitted`.

    Where proposals are `named`, each is submitted once and won once, by the user who submitted it: what is dealt to
    someone else's proposal is not theirs. Where they are not, events are counted and nothing tells them apart.
    """
    each = done
    if named:
        each = each.filter(each.proposal.notnull())
        each = each.mutate(**{column: ibis.least(each[column], each.submitted, 1) for column in columns})
    return each.group_by("user_key").agg(**{column: each[column].sum().cast("int64") for column in columns})


def _per_proposal(rows: ir.Table, count: ir.Value, action: Action) -> Feature:
    return Feature(
        f"{action.slug}_per_proposal",
        count,
        f"{action.name} per proposal submitted",
        f"{action.name} per proposal submitted, of users who submitted one",
        "events/proposal",
        "outcome",
        "ratio",
        "count",
        f"events of {action.name}",
        "proposals submitted",
        True,
        action.name,
        per=rows.submitted,
    )
