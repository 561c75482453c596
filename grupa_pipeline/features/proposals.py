"""What users do with proposals: create, submit, revise, withdraw or leave them. Absent where a log has no proposals.

Proposals are told apart by the metadata key that the roles name. Where a log gives no such key, a submission belongs to
the creation right before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import ibis
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.aggregates.units import HOUR
from grupa_pipeline.event_catalog.roles import Role
from grupa_pipeline.features.action_columns import Census
from grupa_pipeline.features.catalog import Feature, Part

_STEPS: tuple[Role, ...] = ("proposal_create", "proposal_submit", "proposal_revise", "proposal_withdraw")
_DONE = {"create": "created", "submit": "submitted", "revise": "revised", "withdraw": "withdrawn"}


@dataclass(frozen=True)
class Told:
    """What a log tells of proposals; of every user, those with few events included.

    Attributes:
        actions: The actions that are each step: create, submit, revise, withdraw.
        done: A row a user and proposal (NULL where none is named): user_key, proposal, how often it was created,
            submitted, revised and withdrawn, and how often each good outcome was had.
        outcomes: Column of each good outcome with columns, by its name.
        waits: user_key, wait: microseconds from a creation to the submission that follows it.
    """

    actions: Mapping[str, Sequence[str]]
    done: ir.Table
    outcomes: Mapping[str, str]
    waits: ir.Table


def tell(log: Log, census: Census) -> Told | None:
    """Sum up the steps of proposals; None where the log has no step of any."""
    actions = {role.removeprefix("proposal_"): log.actions_of(role) for role in _STEPS}
    listed = [action for names in actions.values() for action in names]
    if not listed:
        return None
    # Good outcomes also where the window has no submission: what a day's sum holds may not hang on other days.
    make = partial(_sum_up, log, actions, sorted({*listed, *log.actions_of("good")}))
    sums = log.sums.of(["proposals", "proposal_ends", "proposal_waits"], make)
    good = [action.name for action in census.outcomes if log.assigned[action.name] == "good"]
    outcomes = {name: f"good{number}" for number, name in enumerate(good)}
    by_piece = sums["proposals"]
    each = {past: log.is_one_of(by_piece, actions[step]) for step, past in _DONE.items()}
    each |= {column: log.is_one_of(by_piece, [name]) for name, column in outcomes.items()}
    done = by_piece.group_by("user_key", "proposal").agg(
        **{column: by_piece.n.sum(where=is_it).fill_null(0).cast("int64") for column, is_it in each.items()}
    )
    ends = sums["proposal_ends"]
    order = ibis.window(group_by=["user_key", "proposal"], order_by="first_key")
    beside = ends.mutate(before=ends.last_key.lag().over(order))
    waits = sums["proposal_waits"].union(_waits(beside, "first_key").drop("proposal"))
    return Told(actions, log.engine.keep(done), outcomes, waits)


def _sum_up(
    log: Log, actions: Mapping[str, Sequence[str]], listed: Sequence[str], events: ir.Table
) -> dict[str, ir.Table]:
    proposal = log.engine.json_text(events.metadata, log.roles.proposal_key)
    steps = events.filter(events.action.isin(listed)).select("user_id", "piece", "at", "action", proposal=proposal)
    told = log.engine.keep(log.engine.keyed(steps))
    ends = told.filter(log.is_one_of(told, [*actions["create"], *actions["submit"]]))
    # At the same instant a creation comes before its submission.
    submit = log.is_one_of(ends, actions["submit"])
    keyed = ends.select("user_key", "piece", "proposal", key=ends["at"] * 2 + submit.cast("int64"))
    order = ibis.window(group_by=["user_key", "piece", "proposal"], order_by="key")
    beside = keyed.mutate(before=keyed.key.lag().over(order))
    return {
        "proposals": told.group_by("user_key", "piece", "proposal", "action_key").agg(n=told.count()),
        "proposal_ends": keyed.group_by("user_key", "piece", "proposal").agg(
            first_key=keyed.key.min(), last_key=keyed.key.max()
        ),
        "proposal_waits": _waits(beside, "key").drop("proposal"),
    }


def _waits(beside: ir.Table, key: str) -> ir.Table:
    """The rows of which `key` is a submission and `before` a creation, with the time between them."""
    pairs = beside.filter(beside[key] & 1 == 1, beside.before & 1 == 0)
    kept = [name for name in ("user_key", "piece", "proposal") if name in pairs.columns]
    return pairs.select(*kept, wait=(pairs[key] >> 1) - (pairs.before >> 1))


def proposals(log: Log, told: Told) -> Part:
    """Proposals of each user with enough events."""
    actions = told.actions
    counted = _count(told)
    hours = told.waits.group_by("user_key").agg(hours_to_submit=told.waits.wait.quantile(0.5) / HOUR)
    rows = log.spans.left_join(counted, "user_key").left_join(hours, "user_key")
    rows = rows.select(
        "user_key",
        "days",
        "hours_to_submit",
        **{name: rows[name].fill_null(0) for name in counted.columns if name != "user_key"},
    )
    features = [_weekly(rows, step, list(names)) for step, names in actions.items() if names]
    if actions["create"] and actions["submit"]:
        source = "\n".join([*actions["create"], *actions["submit"]])
        features += _completion(rows, source) + _abandonment(rows, source)
    return Part(rows, features)


def _count(told: Told) -> ir.Table:
    """A row a user: created, submitted, revised, withdrawn, and completed (created ones that were submitted)."""
    each = told.done
    one = each.proposal.notnull()  # A proposal known by its id is created and submitted once, however often it is sent.
    once = {
        "created": one.ifelse(ibis.least(each.created, 1), each.created),
        "submitted": one.ifelse(ibis.least(each.submitted, 1), each.submitted),
    }
    each = each.mutate(**once)
    each = each.mutate(completed=ibis.least(each.created, each.submitted))
    return each.group_by("user_key").agg(
        **{name: each[name].sum().cast("int64") for name in (*_DONE.values(), "completed")}
    )


def _weekly(rows: ir.Table, step: str, actions: list[str]) -> Feature:
    done = _DONE[step]
    what = "revisions of proposals" if step == "revise" else f"proposals {done}"
    return Feature(
        f"proposals_{done}_per_week",
        rows[done],
        f"{what} a week",
        f"{what} a week, from the first event to the end of the window",
        "proposals/week",
        "clustering",
        "mean",
        "count",
        what,
        "weeks",
        {"submit": True, "withdraw": False}.get(step),
        "\n".join(actions),
        per=rows.days / 7,
    )


def _completion(rows: ir.Table, actions: str) -> list[Feature]:
    return [
        Feature(
            "proposal_submit_share",
            rows.completed,
            "share of proposals submitted",
            "share of the proposals a user created that were submitted, of users who created one",
            "share",
            "clustering",
            "ratio",
            "count",
            "proposals submitted",
            "proposals created",
            True,
            actions,
            per=rows.created,
        ),
        Feature(
            "hours_to_submit",
            rows.hours_to_submit,
            "hours from create to submit",
            "median hours from creating a proposal to submitting it, of users who did both",
            "hours",
            "clustering",
            "mean",
            "duration",
            None,
            None,
            False,
            actions,
        ),
    ]


def _abandonment(rows: ir.Table, actions: str) -> list[Feature]:
    left = rows.created - rows.completed
    return [
        Feature(
            "proposals_abandoned_per_week",
            left,
            "proposals abandoned a week",
            "proposals created but not submitted within the window, a week",
            "proposals/week",
            "clustering",
            "mean",
            "count",
            "proposals abandoned",
            "weeks",
            False,
            actions,
            per=rows.days / 7,
        ),
        Feature(
            "abandoned_a_proposal",
            (left > 0).cast("int64"),
            "abandoned a proposal",
            "users who created a proposal and had not submitted it by the end of the window",
            "share",
            "context",
            "proportion",
            "proportion",
            "users with an abandoned proposal",
            "users",
            False,
            actions,
        ),
    ]
