"""Simulated logs of six products with different vocabularies, with planted pain points in groups of users.

All groups of a log behave alike except for the step they favour and for what is planted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

DAYS = 70
START = pd.Timestamp("2025-03-03")
FEATURES = ("board", "calendar", "export", "notes", "search_plus", "video", "budget", "alerts")

PlantedPain = tuple[str, str]
"""A kind of pain point, and the action it is about ("" for none)."""


@dataclass(frozen=True)
class UserGroup:
    """A group of users who behave alike. Rates are per session, durations in days unless their name says otherwise.

    Attributes:
        favours: The step they do most.
        planted: Pain points that must be reported.
        follows: True consequences of them, which may be reported.
        delays: Days from a user's first day in which a step is not done.
    """

    name: str
    favours: str
    planted: tuple[PlantedPain, ...] = ()
    follows: tuple[PlantedPain, ...] = ()
    sessions: float = 2.5
    life_days: float = DAYS
    rates: Mapping[str, float] = field(default_factory=dict)
    uses: float = 0.25
    favourite: float = 0.0
    proposals: float = 0.8
    submits: float = 0.85
    submit_hours: float = 6.0
    first_proposal: float = 2.0
    delays: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PlantedProduct:
    """A product\'s groups and vocabulary: steps, outcomes with their usual rate per session, and special actions."""

    name: str
    steps: tuple[str, ...]
    outcomes: Mapping[str, float]
    groups: tuple[UserGroup, ...]
    feature_use: str | None = None
    proposal: tuple[str, str] | None = None


TENDERS = PlantedProduct(
    "tenders",
    ("TenderViewed", "SearchRun", "ChatMessage", "DocumentOpened", "ProfileEdited"),
    {"ContractSigned": 0.06, "SupportRequest": 0.03},
    (
        UserGroup("unsent", "DocumentOpened", (("abandoned_proposals", ""),), submits=0.35),
        UserGroup("slow", "ProfileEdited", (("slow_submission", ""),), submit_hours=90),
        UserGroup("late", "SearchRun", (("slow_first_proposal", ""),), first_proposal=34),
        UserGroup("asking", "ChatMessage", (("support_load", ""),), rates={"SupportRequest": 0.15}),
        UserGroup("well", "TenderViewed"),
    ),
    proposal=("BidCreated", "BidSubmitted"),
)
SHOP = PlantedProduct(
    "shop",
    ("product_view", "category_browse", "cart_add", "wishlist_add", "checkout_start", "review_read"),
    {"order_completed": 0.12, "order_cancelled": 0.02, "refund_requested": 0.02, "support_ticket": 0.02},
    (
        UserGroup("window shoppers", "wishlist_add", (("low_conversion", ""),), rates={"order_completed": 0.02}),
        UserGroup(
            "returners", "product_view", (("bad_outcome", "refund requested"),), rates={"refund_requested": 0.14}
        ),
        UserGroup("wavering", "checkout_start", (("bad_outcome", "order cancelled"),), rates={"order_cancelled": 0.12}),
        UserGroup("puzzled", "review_read", (("support_load", ""),), rates={"support_ticket": 0.14}),
        UserGroup("well", "cart_add"),
    ),
)
SUITE = PlantedProduct(
    "suite",
    ("login", "report_open", "comment", "file_upload", "settings_open"),
    {"plan_upgrade": 0.05, "account_cancelled": 0.01},
    (
        UserGroup("bare", "report_open", (("unused_features", ""),), uses=0.02),
        UserGroup("one-track", "comment", (("unused_features", ""),), favourite=0.93),
        UserGroup("quiet", "settings_open", (("going_quiet", ""),), life_days=16, sessions=6, follows=(
            ("low_conversion", ""), ("rare_visits", ""), ("unused_features", ""))),
        UserGroup("leaving", "file_upload", (("bad_outcome", "account cancelled"),), rates={"account_cancelled": 0.05}),
        UserGroup("well", "login"),
    ),
    feature_use="feature_used",
)  # fmt: skip
LOANS = PlantedProduct(
    "loans",
    ("W_Aanvraag invullen", "W_Documenten controleren", "W_Nabellen", "W_Beoordelen", "O_Verzonden"),
    {"A_APPROVED": 0.12, "A_DECLINED": 0.03, "A_CANCELLED": 0.03},
    (
        UserGroup("refused", "W_Beoordelen", (("bad_outcome", "declined"),), rates={"A_DECLINED": 0.16}),
        UserGroup("withdrawn", "W_Nabellen", (("bad_outcome", "cancelled"),), rates={"A_CANCELLED": 0.16}),
        UserGroup("stuck", "W_Documenten controleren", (("low_conversion", ""),), rates={"A_APPROVED": 0.02}),
        UserGroup("waiting", "W_Aanvraag invullen", (("slow_step", ""),), delays={"O_Verzonden": 25}),
        UserGroup("well", "O_Verzonden"),
    ),
)
COURSES = PlantedProduct(
    "courses",
    ("lesson_view", "quiz_attempt", "forum_read", "forum_post", "video_play"),
    {"course_purchased": 0.07, "dropout": 0.015},
    (
        UserGroup("rare", "forum_read", (("rare_visits", ""),), sessions=0.8, follows=(
            ("low_conversion", ""), ("going_quiet", ""))),
        UserGroup("quiet", "quiz_attempt", (("going_quiet", ""),), life_days=18, sessions=5, follows=(
            ("low_conversion", ""), ("rare_visits", ""))),
        UserGroup("dropping", "video_play", (("bad_outcome", "dropout"),), rates={"dropout": 0.1}),
        UserGroup("lookers", "lesson_view", (("low_conversion", ""),), rates={"course_purchased": 0.015}),
        UserGroup("well", "forum_post"),
    ),
)  # fmt: skip
FORGE = PlantedProduct(
    "forge",
    ("PushEvent", "IssuesEvent", "PullRequestEvent", "WatchEvent", "ForkEvent"),
    {},
    (
        UserGroup("gone", "WatchEvent", (("going_quiet", ""),), life_days=15, sessions=6,
             follows=(("rare_visits", ""),)),
        UserGroup("seldom", "IssuesEvent", (("rare_visits", ""),), sessions=0.8,
             follows=(("going_quiet", ""),)),
        UserGroup("late", "ForkEvent", (("slow_step", ""),), delays={"PullRequestEvent": 25}),
        UserGroup("well", "PushEvent"),
        UserGroup("well too", "PullRequestEvent"),
    ),
)  # fmt: skip
PRODUCTS = (TENDERS, SHOP, SUITE, LOANS, COURSES, FORGE)


def simulate(product: PlantedProduct, *, users_per_group: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Simulate a log: events (user_id, timestamp, action, metadata), and user_id -> name of the group."""
    rng = np.random.default_rng(seed)
    rows, groups = [], {}
    for group in product.groups:
        for number in range(users_per_group):
            user = f"{group.name}-{number}"
            groups[user] = group.name
            rows += [(user, *event) for event in _user(product, group, rng)]
    events = pd.DataFrame(rows, columns=["user_id", "day", "action", "metadata"])
    events = events[events["day"] < DAYS]
    stamps = START + pd.to_timedelta(events.pop("day"), unit="D").dt.floor("us")
    events.insert(1, "timestamp", stamps)
    return events.reset_index(drop=True), pd.Series(groups)


def _user(product: PlantedProduct, group: UserGroup, rng: np.random.Generator) -> list[tuple[float, str, str | None]]:
    first = rng.uniform(0, 10)
    last = min(DAYS, first + group.life_days * rng.lognormal(0, 0.1))
    pace = rng.lognormal(0, 0.3)
    mix = rng.dirichlet([40 if step == group.favours else 12 for step in product.steps])
    events: list[tuple[float, str, str | None]] = []
    for day in rng.uniform(first, last, 2 + rng.poisson(group.sessions * pace * (last - first) / 7)):
        ready = np.array([day - first >= group.delays.get(step, 0) for step in product.steps])
        events += _session(product, group, float(day), mix * ready / (mix * ready).sum(), rng)
    return events + (_proposals(product.proposal, group, first, last, rng) if product.proposal else [])


def _session(
    product: PlantedProduct, group: UserGroup, day: float, mix: np.ndarray, rng: np.random.Generator
) -> list[tuple[float, str, str | None]]:
    count = 1 + rng.poisson(3)
    times = day + np.cumsum(rng.exponential(2 / 1440, count + 1 + len(product.outcomes)))
    actions: list[tuple[str, str | None]] = []
    for step in rng.choice(product.steps, count, p=mix):
        if product.feature_use and rng.random() < group.uses:
            name = FEATURES[0] if rng.random() < group.favourite else rng.choice(FEATURES)
            actions.append((product.feature_use, f'{{"feature": "{name}"}}'))
        else:
            actions.append((str(step), None))
    actions += [(name, None) for name, rate in product.outcomes.items() if rng.random() < group.rates.get(name, rate)]
    return [(float(at), action, metadata) for at, (action, metadata) in zip(times, actions, strict=False)]


def _proposals(
    names: tuple[str, str], group: UserGroup, first: float, last: float, rng: np.random.Generator
) -> list[tuple[float, str, str | None]]:
    begin = first + group.first_proposal * rng.lognormal(0, 0.3)
    created = np.sort(begin + rng.uniform(0, max(last - begin, 1), 1 + rng.poisson(group.proposals * 8)))
    created[0] = begin
    events: list[tuple[float, str, str | None]] = []
    for number, day in enumerate(created):
        metadata = f'{{"proposal_id": "{number}-{rng.integers(1 << 40)}"}}'
        events.append((float(day), names[0], metadata))
        if rng.random() < group.submits:
            events.append((float(day) + group.submit_hours / 24 * rng.lognormal(0, 0.5), names[1], metadata))
    return events
