"""What users do with proposals: create, submit, revise, withdraw or leave them. Absent where a log has no proposals.

Proposals are told apart by the metadata key that the roles name. Where a log gives no such key, a submission belongs to
the creation right before it.
"""

import ibis
from ibis.expr import types as ir

from grupa_pipeline.features.catalog import Feature, Part
from grupa_pipeline.features.log import HOUR, Log
from grupa_pipeline.features.roles import Role

_STEPS: tuple[Role, ...] = ("proposal_create", "proposal_submit", "proposal_revise", "proposal_withdraw")
_DONE = {"create": "created", "submit": "submitted", "revise": "revised", "withdraw": "withdrawn"}


def proposals(log: Log) -> Part | None:
    """Proposals of each user with enough events; None where the log has no step of any."""
    actions = {role.removeprefix("proposal_"): log.actions_of(role) for role in _STEPS}
    listed = [action for names in actions.values() for action in names]
    if not listed:
        return None
    events = log.events_of(listed)
    steps = log.engine.keep(
        events.select(
            "user_id",
            "at",
            proposal=log.engine.json_text(events.metadata, log.roles.proposal_key),
            **{step: events.action.isin(names) if names else ibis.literal(False) for step, names in actions.items()},
        )
    )
    counted = _count(steps)
    rows = log.spans.left_join(counted, "user_id").left_join(_hours_to_submit(steps), "user_id")
    rows = rows.select(
        "user_id",
        "days",
        "hours_to_submit",
        **{name: rows[name].fill_null(0) for name in counted.columns if name != "user_id"},
    )
    features = [_weekly(rows, step, names) for step, names in actions.items() if names]
    if actions["create"] and actions["submit"]:
        source = "\n".join(actions["create"] + actions["submit"])
        features += _completion(rows, source) + _abandonment(rows, source)
    return Part(rows, features)


def _count(steps: ir.Table) -> ir.Table:
    """A row a user: created, submitted, revised, withdrawn, and completed (created ones that were submitted)."""
    each = steps.group_by("user_id", "proposal").agg(
        **{done: steps[step].sum().cast("int64") for step, done in _DONE.items()}
    )
    one = each.proposal.notnull()  # A proposal known by its id is created and submitted once, however often it is sent.
    once = {
        "created": one.ifelse(ibis.least(each.created, 1), each.created),
        "submitted": one.ifelse(ibis.least(each.submitted, 1), each.submitted),
    }
    each = each.mutate(**once)
    each = each.mutate(completed=ibis.least(each.created, each.submitted))
    return each.group_by("user_id").agg(
        **{name: each[name].sum().cast("int64") for name in (*_DONE.values(), "completed")}
    )


def _hours_to_submit(steps: ir.Table) -> ir.Table:
    """A row a user who submitted: median hours from a creation to the submission that follows it."""
    ends = steps.filter(steps.create | steps.submit)
    # At the same instant a creation comes before its submission.
    order = ibis.window(group_by=["user_id", "proposal"], order_by=["at", "submit"])
    timed = ends.mutate(created_at=ends["at"].lag().over(order), after_create=ends.create.lag().over(order))
    pairs = timed.filter(timed.submit & timed.after_create)
    return pairs.group_by("user_id").agg(hours_to_submit=(pairs["at"] - pairs.created_at).quantile(0.5) / HOUR)


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
