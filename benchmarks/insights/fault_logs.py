"""Simulated logs of three products whose users walk through steps towards a goal, with one fault planted in each group.

Made before the rules for journeys were written, with vocabularies of their own (a shop, a software suite, German courses).
Each group favours another side step, so that clusters differ in behaviour and not in the fault alone. `TUNING_SEEDS` may be
looked at while rules are written; `REPORT_SEEDS` are for the figures of the README.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

DAYS = 60
START = pd.Timestamp("2025-03-03")
TUNING_SEEDS, REPORT_SEEDS = (0, 1), (100, 101, 102)


class Fault(StrEnum):
    """What goes wrong for the users of a group at one step."""

    ERROR = "error"
    """An error stops most of those who try the step."""
    BUG = "bug"
    """The step fails without an event; users repeat the one before."""
    SLOW = "slow"
    """The step takes twelve times as long."""
    LOST = "lost"
    """Most users never get to the step."""
    LOOP = "loop"
    """Users go back and forth between the two steps before it."""


@dataclass(frozen=True)
class FaultyGroup:
    """A group of users and what is planted in it.

    Attributes:
        favours: The side step that the group does most.
        fault: What goes wrong; None for nothing.
        step: Number of the product's step at which it goes wrong.
    """

    name: str
    favours: str
    fault: Fault | None = None
    step: int = 0


@dataclass(frozen=True)
class FaultyProduct:
    """A product: its steps in order, the last of which is the goal, and its other actions.

    Attributes:
        chances: Usual chance of a user to get from the step before to each step.
        error_at: Number of the step at which its error occurs.
    """

    name: str
    steps: tuple[str, ...]
    chances: tuple[float, ...]
    side_steps: tuple[str, ...]
    error: str
    error_at: int
    help: str
    groups: tuple[FaultyGroup, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def goal(self) -> str:
        """The action that the product wants."""
        return self.steps[-1]


GARDEN_SHOP = FaultyProduct(
    "garden shop",
    ("PageSeen", "ItemOpened", "BasketFilled", "DeliveryChosen", "CardEntered", "OrderPlaced"),
    (1.0, 0.95, 0.8, 0.82, 0.85, 0.88),
    ("ReviewsRead", "WishNoted", "CatalogueLeafed", "VoucherSought", "PhotoZoomed", "StoreSought"),
    error="CardRefused",
    error_at=5,
    help="ChatOpened",
    groups=(
        FaultyGroup("refused cards", "VoucherSought", Fault.ERROR, 5),
        FaultyGroup("stuck at delivery", "StoreSought", Fault.BUG, 4),
        FaultyGroup("slow to pay", "ReviewsRead", Fault.SLOW, 4),
        FaultyGroup("only looking", "CatalogueLeafed", Fault.LOST, 2),
        FaultyGroup("back and forth", "PhotoZoomed", Fault.LOOP, 3),
        FaultyGroup("well", "WishNoted"),
    ),
)
TEAM_BOARD = FaultyProduct(
    "team board",
    ("workspace_opened", "board_made", "task_written", "member_invited", "automation_set", "plan_bought"),
    (1.0, 0.92, 0.9, 0.75, 0.8, 0.85),
    ("filter_used", "comment_left", "calendar_viewed", "theme_changed", "export_run", "digest_read"),
    error="invite_bounced",
    error_at=3,
    help="docs_searched",
    groups=(
        FaultyGroup("bounced invites", "comment_left", Fault.ERROR, 3),
        FaultyGroup("automation breaks", "filter_used", Fault.BUG, 4),
        FaultyGroup("slow buyers", "digest_read", Fault.SLOW, 5),
        FaultyGroup("no board", "theme_changed", Fault.LOST, 1),
        FaultyGroup("circling", "export_run", Fault.LOOP, 3),
        FaultyGroup("well", "calendar_viewed"),
    ),
)
COURSES = FaultyProduct(
    "german courses",
    ("kurs_angesehen", "termin_gewaehlt", "formular_begonnen", "formular_gesendet", "zahlung_ausgefuehrt", "kurs_gebucht"),
    (1.0, 0.85, 0.85, 0.85, 0.85, 0.92),
    ("lehrer_profil", "merkliste", "video_probe", "preisliste", "karte_offen", "newsletter_gelesen"),
    error="formular_fehler",
    error_at=3,
    help="hilfe_gesucht",
    groups=(
        FaultyGroup("form errors", "lehrer_profil", Fault.ERROR, 3),
        FaultyGroup("payment bug", "preisliste", Fault.BUG, 4),
        FaultyGroup("late forms", "video_probe", Fault.SLOW, 2),
        FaultyGroup("no date", "newsletter_gelesen", Fault.LOST, 1),
        FaultyGroup("form and date", "karte_offen", Fault.LOOP, 3),
        FaultyGroup("well", "merkliste"),
    ),
)  # fmt: skip
PRODUCTS = (GARDEN_SHOP, TEAM_BOARD, COURSES)


def simulate(product: FaultyProduct, *, users_per_group: int = 250, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Events (user_id, timestamp, action, metadata) of the product, and user_id -> group."""
    rng = np.random.default_rng([seed, len(product.name)])
    rows: list[tuple[str, float, str]] = []
    groups: dict[str, str] = {}
    for group in product.groups:
        for number in range(users_per_group):
            user = f"{product.name[:2]}-{len(groups):05d}"
            groups[user] = group.name
            rows += [(user, hour, action) for hour, action in _walk(product, group, rng)]
            del number
    frame = pd.DataFrame(rows, columns=["user_id", "hour", "action"])
    frame["timestamp"] = START + pd.to_timedelta((frame.pop("hour") * 3600).round(), unit="s")
    return frame.sort_values(["timestamp", "user_id"], ignore_index=True).assign(metadata="{}"), pd.Series(groups)


def _walk(product: FaultyProduct, group: FaultyGroup, rng: np.random.Generator) -> list[tuple[float, str]]:
    """One user's events, with hours from the start: one to four tries at the goal, side steps between."""
    events: list[tuple[float, str]] = []
    hour = rng.uniform(0, 24 * (DAYS - 25))
    for _ in range(1 + rng.poisson(1.2)):
        hour = _attempt(product, group, rng, hour, events)
        hour += rng.exponential(60) + 2
    return [(at, action) for at, action in events if at < 24 * DAYS]


def _attempt(
    product: FaultyProduct, group: FaultyGroup, rng: np.random.Generator, hour: float, events: list[tuple[float, str]]
) -> float:
    for number, step in enumerate(product.steps):
        at_fault = group.fault if number == group.step and group.fault else None
        if number == product.error_at and rng.random() < (0.7 if at_fault is Fault.ERROR else 0.04):
            hour = _add(events, hour, rng, product.error)
            if rng.random() < 0.75:
                return hour
        if at_fault is Fault.BUG and rng.random() < 0.7:
            for _ in range(rng.integers(2, 6)):
                hour = _add(events, hour, rng, product.steps[number - 1])
            return hour
        if at_fault is Fault.LOOP:
            for _ in range(rng.integers(3, 6)):
                hour = _add(events, hour, rng, product.steps[number - 2])
                hour = _add(events, hour, rng, product.steps[number - 1])
            if rng.random() < 0.4:
                return hour
        if rng.random() > product.chances[number] * (0.2 if at_fault is Fault.LOST else 1):
            return hour
        hour += rng.exponential(30) + 20 if at_fault is Fault.SLOW else 0
        hour = _add(events, hour, rng, step)
        for _ in range(rng.poisson(0.9)):
            side = group.favours if rng.random() < 0.75 else str(rng.choice(product.side_steps))
            hour = _add(events, hour, rng, side)
        if rng.random() < 0.02:
            hour = _add(events, hour, rng, product.help)
    return hour


def _add(events: list[tuple[float, str]], hour: float, rng: np.random.Generator, action: str) -> float:
    hour += rng.exponential(0.03) + 0.003
    events.append((hour, action))
    return hour
