"""Planted logs of six products with vocabularies of their own: what each kind of users does, and what was made to hurt it.

All kinds of a log are alike but for the step they favour and for what is planted. Scoring is in `run.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

DAYS = 70
START = pd.Timestamp("2025-03-03")
FEATURES = ("board", "calendar", "export", "notes", "search_plus", "video", "budget", "alerts")

Planted = tuple[str, str]
"""A kind of pain, and the action it is about ("" where it is about none)."""


@dataclass(frozen=True)
class Kind:
    """One kind of users. Rates are a session's; `planted` pains must be found, `follows` are true consequences of them."""

    name: str
    favours: str
    planted: tuple[Planted, ...] = ()
    follows: tuple[Planted, ...] = ()
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
    """Days from arriving in which a step is not done."""


@dataclass(frozen=True)
class Product:
    """A product's vocabulary: steps, outcomes with their usual rate a session, and what feature use and proposals are called."""

    name: str
    steps: tuple[str, ...]
    outcomes: Mapping[str, float]
    kinds: tuple[Kind, ...]
    feature_use: str | None = None
    proposal: tuple[str, str] | None = None


TENDERS = Product(
    "tenders",
    ("TenderViewed", "SearchRun", "ChatMessage", "DocumentOpened", "ProfileEdited"),
    {"ContractSigned": 0.06, "SupportRequest": 0.03},
    (
        Kind("unsent", "DocumentOpened", (("abandoned_proposals", ""),), submits=0.35),
        Kind("slow", "ProfileEdited", (("slow_submission", ""),), submit_hours=90),
        Kind("late", "SearchRun", (("slow_first_proposal", ""),), first_proposal=34),
        Kind("asking", "ChatMessage", (("support_load", ""),), rates={"SupportRequest": 0.15}),
        Kind("well", "TenderViewed"),
    ),
    proposal=("BidCreated", "BidSubmitted"),
)
SHOP = Product(
    "shop",
    ("product_view", "category_browse", "cart_add", "wishlist_add", "checkout_start", "review_read"),
    {"order_completed": 0.12, "order_cancelled": 0.02, "refund_requested": 0.02, "support_ticket": 0.02},
    (
        Kind("window shoppers", "wishlist_add", (("low_conversion", ""),), rates={"order_completed": 0.02}),
        Kind("returners", "product_view", (("bad_outcome", "refund requested"),), rates={"refund_requested": 0.14}),
        Kind("wavering", "checkout_start", (("bad_outcome", "order cancelled"),), rates={"order_cancelled": 0.12}),
        Kind("puzzled", "review_read", (("support_load", ""),), rates={"support_ticket": 0.14}),
        Kind("well", "cart_add"),
    ),
)
SUITE = Product(
    "suite",
    ("login", "report_open", "comment", "file_upload", "settings_open"),
    {"plan_upgrade": 0.05, "account_cancelled": 0.01},
    (
        Kind("bare", "report_open", (("unused_features", ""),), uses=0.02),
        Kind("one-track", "comment", (("unused_features", ""),), favourite=0.93),
        Kind("quiet", "settings_open", (("going_quiet", ""),), life_days=16, sessions=6, follows=(
            ("low_conversion", ""), ("rare_visits", ""), ("unused_features", ""))),
        Kind("leaving", "file_upload", (("bad_outcome", "account cancelled"),), rates={"account_cancelled": 0.05}),
        Kind("well", "login"),
    ),
    feature_use="feature_used",
)  # fmt: skip
LOANS = Product(
    "loans",
    ("W_Aanvraag invullen", "W_Documenten controleren", "W_Nabellen", "W_Beoordelen", "O_Verzonden"),
    {"A_APPROVED": 0.12, "A_DECLINED": 0.03, "A_CANCELLED": 0.03},
    (
        Kind("refused", "W_Beoordelen", (("bad_outcome", "declined"),), rates={"A_DECLINED": 0.16}),
        Kind("withdrawn", "W_Nabellen", (("bad_outcome", "cancelled"),), rates={"A_CANCELLED": 0.16}),
        Kind("stuck", "W_Documenten controleren", (("low_conversion", ""),), rates={"A_APPROVED": 0.02}),
        Kind("waiting", "W_Aanvraag invullen", (("slow_step", ""),), delays={"O_Verzonden": 25}),
        Kind("well", "O_Verzonden"),
    ),
)
COURSES = Product(
    "courses",
    ("lesson_view", "quiz_attempt", "forum_read", "forum_post", "video_play"),
    {"course_purchased": 0.07, "dropout": 0.015},
    (
        Kind("rare", "forum_read", (("rare_visits", ""),), sessions=0.8, follows=(
            ("low_conversion", ""), ("going_quiet", ""))),
        Kind("quiet", "quiz_attempt", (("going_quiet", ""),), life_days=18, sessions=5, follows=(
            ("low_conversion", ""), ("rare_visits", ""))),
        Kind("dropping", "video_play", (("bad_outcome", "dropout"),), rates={"dropout": 0.1}),
        Kind("lookers", "lesson_view", (("low_conversion", ""),), rates={"course_purchased": 0.015}),
        Kind("well", "forum_post"),
    ),
)  # fmt: skip
FORGE = Product(
    "forge",
    ("PushEvent", "IssuesEvent", "PullRequestEvent", "WatchEvent", "ForkEvent"),
    {},
    (
        Kind("gone", "WatchEvent", (("going_quiet", ""),), life_days=15, sessions=6,
             follows=(("rare_visits", ""),)),
        Kind("seldom", "IssuesEvent", (("rare_visits", ""),), sessions=0.8,
             follows=(("going_quiet", ""),)),
        Kind("late", "ForkEvent", (("slow_step", ""),), delays={"PullRequestEvent": 25}),
        Kind("well", "PushEvent"),
        Kind("well too", "PullRequestEvent"),
    ),
)  # fmt: skip
PRODUCTS = (TENDERS, SHOP, SUITE, LOANS, COURSES, FORGE)


def simulate(product: Product, *, users_a_kind: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Events (user_id, timestamp, action, metadata) of a planted log, and user_id -> name of the kind."""
    rng = np.random.default_rng(seed)
    parts, kinds = [], {}
    for kind in product.kinds:
        for number in range(users_a_kind):
            user = f"{kind.name}-{number}"
            kinds[user] = kind.name
            parts += [(user, *event) for event in _user(product, kind, rng)]
    events = pd.DataFrame(parts, columns=["user_id", "day", "action", "metadata"])
    events = events[events["day"] < DAYS]
    stamps = START + pd.to_timedelta(events.pop("day"), unit="D").dt.floor("us")
    events.insert(1, "timestamp", stamps)
    return events.reset_index(drop=True), pd.Series(kinds)


def _user(product: Product, kind: Kind, rng: np.random.Generator) -> list[tuple[float, str, str | None]]:
    first = rng.uniform(0, 10)
    last = min(DAYS, first + kind.life_days * rng.lognormal(0, 0.1))
    pace = rng.lognormal(0, 0.3)
    mix = rng.dirichlet([40 if step == kind.favours else 12 for step in product.steps])
    events: list[tuple[float, str, str | None]] = []
    for day in rng.uniform(first, last, 2 + rng.poisson(kind.sessions * pace * (last - first) / 7)):
        ready = np.array([day - first >= kind.delays.get(step, 0) for step in product.steps])
        events += _session(product, kind, float(day), mix * ready / (mix * ready).sum(), rng)
    return events + (_proposals(product.proposal, kind, first, last, rng) if product.proposal else [])


def _session(
    product: Product, kind: Kind, day: float, mix: np.ndarray, rng: np.random.Generator
) -> list[tuple[float, str, str | None]]:
    count = 1 + rng.poisson(3)
    times = day + np.cumsum(rng.exponential(2 / 1440, count + 1 + len(product.outcomes)))
    done: list[tuple[str, str | None]] = []
    for step in rng.choice(product.steps, count, p=mix):
        if product.feature_use and rng.random() < kind.uses:
            name = FEATURES[0] if rng.random() < kind.favourite else rng.choice(FEATURES)
            done.append((product.feature_use, f'{{"feature": "{name}"}}'))
        else:
            done.append((str(step), None))
    done += [(name, None) for name, rate in product.outcomes.items() if rng.random() < kind.rates.get(name, rate)]
    return [(float(at), action, metadata) for at, (action, metadata) in zip(times, done, strict=False)]


def _proposals(
    names: tuple[str, str], kind: Kind, first: float, last: float, rng: np.random.Generator
) -> list[tuple[float, str, str | None]]:
    begin = first + kind.first_proposal * rng.lognormal(0, 0.3)
    created = np.sort(begin + rng.uniform(0, max(last - begin, 1), 1 + rng.poisson(kind.proposals * 8)))
    created[0] = begin
    events: list[tuple[float, str, str | None]] = []
    for number, day in enumerate(created):
        metadata = f'{{"proposal_id": "{number}-{rng.integers(1 << 40)}"}}'
        events.append((float(day), names[0], metadata))
        if rng.random() < kind.submits:
            events.append((float(day) + kind.submit_hours / 24 * rng.lognormal(0, 0.5), names[1], metadata))
    return events
