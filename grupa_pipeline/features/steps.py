"""Events in each user's own order, each beside the one before it: the only place where events are sorted."""

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.features.census import Census
from grupa_pipeline.features.log import MINUTE, Log

IDLE = 30 * MINUTE
"""A session ends when nothing happens for longer than this."""
_CODE_BITS = 6
_CODE_MASK = (1 << _CODE_BITS) - 1
_OUTCOME = -1
OTHER = 0
"""Code of all actions that are not common."""


def action_codes(census: Census) -> dict[str, int]:
    """A small number for each common action, by name: events of the same instant are taken in this order."""
    return {action: code for code, action in enumerate(sorted(action.name for action in census.common), 1)}


def take_steps(log: Log, census: Census) -> ir.Table:
    """A row an event that is no outcome, of users with enough events.

    Columns: user_id, at, code, before_at, before_code (NULL for a user's first event), starts_session.
    """
    codes = dict.fromkeys(log.actions_of("good", "bad"), _OUTCOME) | action_codes(census)
    lookup = log.engine.keep(
        pa.table({"action": pa.array(codes, pa.string()), "code": pa.array(codes.values(), pa.int64())})
    )
    coded = log.events.semi_join(log.spans, "user_id").left_join(lookup, "action")
    coded = coded.filter(coded.code.fill_null(OTHER) != _OUTCOME)
    # Time and action in one number: sorting one integer takes half the time of sorting both columns.
    keyed = coded.select("user_id", key=(coded["at"] << _CODE_BITS) + coded.code.fill_null(OTHER))
    order = ibis.window(group_by="user_id", order_by="key")
    kept = log.engine.keep(keyed.mutate(before=keyed.key.lag().over(order)))
    steps = kept.select(
        "user_id",
        at=kept.key >> _CODE_BITS,
        code=kept.key & _CODE_MASK,
        before_at=kept.before >> _CODE_BITS,
        before_code=kept.before & _CODE_MASK,
    )
    return steps.mutate(starts_session=steps.before_at.isnull() | (steps["at"] - steps.before_at > IDLE))
