"""What comes of the proposals a user submits: good outcomes per submitted proposal. Outcomes, which never cluster.

Absent where a log has no submissions or no good outcome. What users do with proposals is in `proposals`.
"""

import ibis
from ibis.expr import types as ir

from grupa_pipeline.features.catalog import Feature, Part
from grupa_pipeline.features.census import Action, Census
from grupa_pipeline.features.log import Log

_LEAST_KNOWN = 0.5
"""An outcome is a proposal's when at least this share of its events names one."""


def deals(log: Log, census: Census, told: ir.Table | None) -> Part | None:
    """Good outcomes per submitted proposal of each user with enough events; None where the log has no such thing."""
    submit = log.actions_of("proposal_submit")
    good = [action for action in census.outcomes if log.assigned[action.name] == "good"]
    if told is None or not submit or not good:
        return None
    told = told.semi_join(log.spans, "user_id").filter(told.action.isin([*submit, *(action.name for action in good)]))
    done = told.mutate(action=told.action.isin(submit).ifelse(submit[0], told.action))
    known = _known(log, done)
    named = known.get(submit[0], 0) >= _LEAST_KNOWN
    chosen = [each for each in good if census.layout or not named or known.get(each.name, 0) >= _LEAST_KNOWN]
    columns = {submit[0]: "submitted"} | {action.name: f"n{number}" for number, action in enumerate(chosen)}
    rows = log.spans.select("user_id").left_join(_count(done, columns, named), "user_id")
    rows = rows.select("user_id", **{name: rows[name].fill_null(0) for name in columns.values()})
    return Part(rows, [_per_proposal(rows, rows[columns[action.name]], action) for action in chosen])


def _known(log: Log, done: ir.Table) -> dict[str, float]:
    """Share of each action's events that name a proposal."""
    known = done.n.sum(where=done.proposal.notnull()).fill_null(0).cast("float64")
    grouped = done.group_by("action").agg(known=known / done.n.sum().cast("float64"))
    return {row["action"]: row["known"] for row in log.engine.fetch(grouped).to_pylist()}


def _count(done: ir.Table, columns: dict[str, str], named: bool) -> ir.Table:
    """A row a user with a count for each action.

    Where proposals are `named`, each is submitted once and won once, by the user who submitted it: what is dealt to
    someone else's proposal is not theirs. Where they are not, events are counted and nothing tells them apart.
    """
    each = done.group_by("user_id", "proposal").agg(
        **{
            column: done.n.sum(where=done.action == action).fill_null(0).cast("int64")
            for action, column in columns.items()
        }
    )
    if named:
        each = each.filter(each.proposal.notnull())
        once = {column: ibis.least(each[column], each.submitted, 1) for column in columns.values()}
        each = each.mutate(**once)
    return each.group_by("user_id").agg(**{column: each[column].sum().cast("int64") for column in columns.values()})


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
