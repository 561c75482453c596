"""The planted kinds of users, read from `planted.toml`.

The TOML file defines the kinds; `behaviour.py` simulates their users.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PLANTED_FILE = Path(__file__).with_name("planted.toml")


@dataclass(frozen=True)
class Pain:
    """A planted pain point of a kind, the measure that shows it, and whether `higher` or `lower` is worse."""

    pain: str
    measure: str
    worse: str


@dataclass(frozen=True)
class Kind:
    """One kind of users. `planted.toml` documents each number and its unit."""

    name: str
    description: str
    share: float
    cluster: bool
    join_days: float
    life_days: float
    spread: float
    likeness: float
    sessions_a_week: float
    actions_a_session: float
    peak_hour: float
    weekend: float
    mix: Mapping[str, float]
    favourite: str
    favourite_share: float
    proposals_a_week: float
    first_proposal_day: float
    submit_share: float
    submit_hours: float
    revisions: float
    deal_share: float
    tickets: float
    drop_offs: float
    mobile: float
    paid: float
    pains: tuple[Pain, ...]


@cache
def load_kinds(path: Path = PLANTED_FILE) -> tuple[Kind, ...]:
    """Read the planted kinds in the order of the file.

    Raises:
        ValueError: The shares of the kinds do not sum to 1.
    """
    with path.open("rb") as file:
        rows = tomllib.load(file)["kind"]
    kinds = tuple(Kind(**{**row, "pains": tuple(Pain(**pain) for pain in row["pains"])}) for row in rows)
    total = sum(kind.share for kind in kinds)
    if abs(total - 1) > 1e-9:
        raise ValueError(f"{path.name}: the shares of the kinds sum to {total:.3f}, not to 1.")
    return kinds
