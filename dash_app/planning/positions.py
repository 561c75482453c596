"""Ids and board positions of plans."""

import re
from uuid import uuid4

_PLAN_ID = re.compile(r"plan-[0-9a-f]{12}")


def new_plan_id() -> str:
    """An id that no other plan has."""
    return f"plan-{uuid4().hex[:12]}"


def is_plan_id(text: str) -> bool:
    """Whether `new_plan_id` may have made it."""
    return _PLAN_ID.fullmatch(text) is not None


def position_between(before: float | None, after: float | None) -> float:
    """A position between two neighbours; None for no neighbour on that side."""
    if before is None:
        return 1.0 if after is None else after - 1
    return before + 1 if after is None else (before + after) / 2
