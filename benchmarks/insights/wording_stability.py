"""How often a model is called, and how often wording changes, when the window slides and nothing else happens.

Run `python -m benchmarks.insights.wording_stability [--days 30] [--churn 0.05] [--rules]`. There are six groups of users; every
day that share of the users is replaced by new ones of any group, so that exact numbers change and meaning does not. The
model is the tests' stand-in server on loopback: this measures when it is called, not what it writes.
"""

import argparse
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.insight_writer import write_insights
from grupa_pipeline.insights.previous_texts import PreviousTexts
from grupa_pipeline.insights.privacy import count_users
from tests.grupa_pipeline.insights.model_server import ModelServer

METRICS = 36
"""Number of features: a third are 0 or 1, the rest counts; every fifth is an outcome."""


@dataclass(frozen=True)
class DayResult:
    """Number of calls and of clusters on one simulated day, and the clusters with new wording."""

    calls: int
    reworded: tuple[str, ...]
    clusters: int


def catalog(metrics: int = METRICS) -> pd.DataFrame:
    """A catalog of simulated features, every other one with a better direction."""
    rows = []
    for number in range(metrics):
        binary = number % 3 == 0
        word = f"{'abcdefghij'[number // 10]}{'abcdefghij'[number % 10]}"
        rows.append(
            {
                "feature": f"{'did' if binary else 'share'}_step_{word}",
                "description": f"users who did step {word}" if binary else f"part of activity that is step {word}",
                "unit": "share",
                "role": "outcome" if number % 5 == 0 else "context" if binary else "clustering",
                "metric_kind": "proportion" if binary else "ratio",
                "numerator": None,
                "denominator": None,
                "higher_is_better": (number % 4 == 0) if number % 2 == 0 else None,
                "source_action": f"step_{word}",
                "family": "action_done" if binary else "action_share",
            }
        )
    return pd.DataFrame(rows)


class SimulatedUsers:
    """Users of several groups, some of whom are replaced every day.

    Groups differ in about a third of the features, by amounts spread evenly from zero to large, so that some effects are
    close to each threshold of reuse.
    """

    def __init__(self, *, groups: int, users: int, metrics: int = METRICS, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._groups, self._metrics, self._next = groups, metrics, users
        base = self._rng.uniform(0.1, 0.4, metrics)
        shift = self._rng.uniform(-2.0, 2.0, (groups, metrics)) * (self._rng.random((groups, metrics)) < 0.35)
        self._rates = np.clip(base * np.exp(shift), 0.005, 0.95)
        self._group = np.arange(users) % (groups + 1)
        self._values = self._draw(self._group)
        self._ids = np.array([f"u{number:06d}" for number in range(users)])

    def _draw(self, group: np.ndarray) -> np.ndarray:
        """Values of users of these groups; the last group is the unassigned users."""
        rates = np.vstack([self._rates, self._rates.mean(axis=0)])[group]
        values: np.ndarray = self._rng.beta(4 * rates + 0.05, 4 * (1 - rates))
        values[:, ::3] = self._rng.random(values[:, ::3].shape) < rates[:, ::3]
        return values

    def replace_users(self, churn: float) -> None:
        """Replace that share of the users by new ones of any group."""
        gone = self._rng.random(len(self._group)) < churn
        self._group[gone] = self._rng.integers(0, self._groups + 1, gone.sum())
        self._values[gone] = self._draw(self._group[gone])
        self._ids[gone] = [f"u{self._next + number:06d}" for number in range(gone.sum())]
        self._next += int(gone.sum())

    def table(self, features: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
        """Features and labels of the current users."""
        values = pd.DataFrame(self._values, index=self._ids, columns=list(features)).sort_index()
        names = [f"C{number + 1:02d}" if number < self._groups else None for number in self._group]
        return values, pd.Series(names, index=self._ids, dtype=object).sort_index()


def wording(names: pd.DataFrame) -> dict[str, str]:
    """cluster_id -> its text with placeholders, which changes only when its wording does."""
    return dict(zip(names["cluster_id"], names["written"], strict=True))


def simulate(
    *,
    days: int,
    churn: float,
    groups: int = 6,
    users: int = 1400,
    metrics: int = METRICS,
    seed: int = 1,
    server: ModelServer | None = None,
) -> Iterator[DayResult]:
    """Simulate one day after another; without a server the rules write. The first day has no earlier texts."""
    features_catalog = catalog(metrics)
    population = SimulatedUsers(groups=groups, users=users, metrics=metrics, seed=seed)
    earlier: pd.DataFrame | None = None
    for day in range(days):
        features, labels = population.table(features_catalog["feature"])
        sizes = labels.dropna().value_counts().sort_index()
        clusters = pd.DataFrame({"cluster_id": sizes.index, "size": sizes.to_numpy(), "rule": None})
        insights = write_insights(
            measure_evidence(features, labels, features_catalog),
            clusters.assign(share=clusters["size"] / len(labels), rule_f1=0.9, stability=0.9),
            features_catalog,
            users_with=count_users(features),
            llm="openai:stand-in" if server else None,
            base_url=server.openai_url if server else None,
            min_group=10,
            previous=PreviousTexts(earlier_snapshot=earlier),
            now=datetime(2026, 1, 1) + timedelta(days=day),
        )
        before = wording(insights.names if earlier is None else earlier)
        changed = tuple(name for name, text in wording(insights.names).items() if before.get(name) != text)
        yield DayResult(len(insights.calls), changed, len(clusters))
        earlier = insights.names
        population.replace_users(churn)


def worst_week(days: list[DayResult]) -> int:
    """Maximum number of changes of wording of one cluster within seven days."""
    most = 0
    for start in range(len(days)):
        changed = [name for day in days[start : start + 7] for name in day.reworded]
        most = max([most, *(changed.count(name) for name in set(changed))])
    return most


def main() -> None:
    """Print a table with one line per seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--churn", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--users", type=int, default=1400)
    parser.add_argument("--rules", action="store_true", help="let the rules write instead of a model")
    arguments = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "not-needed-on-loopback")
    print(
        "| seed | calls on day 1 | median calls a day after | all calls after | rewordings | worst cluster and week |"
    )
    print("|---|---|---|---|---|---|")
    for seed in range(1, arguments.seeds + 1):
        with ModelServer() as server:
            days = list(
                simulate(
                    days=arguments.days,
                    churn=arguments.churn,
                    users=arguments.users,
                    seed=seed,
                    server=None if arguments.rules else server,
                )
            )
        later = [day.calls for day in days[1:]]
        rewordings = sum(len(day.reworded) for day in days)
        print(
            f"| {seed} | {days[0].calls} | {statistics.median(later):g} | {sum(later)} | {rewordings} "
            f"| {worst_week(days)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
