"""The rows of the benchmark table: log, measure and goal. One function per row, or per group of rows that share runs."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.segmentation import days, measures, planted, planted_logs, real
from grupa_pipeline.segmentation.results import Segmentation
from grupa_pipeline.segmentation.rules import describe_clusters

STRUCTURED: dict[str, Callable[[int], planted.Planted]] = {
    "separable": planted.separable,
    "overlapping": planted.overlapping,
    "unequal": planted.unequal,
    "long tail": planted.long_tail,
    "heavy noise": planted.heavy_noise,
}
STRUCTURED_LOGS: dict[str, Callable[[int], planted.Planted]] = {
    "separable log": lambda seed: planted_logs.kinds_log(seed, [1] * 6, contrast=0.8),
    "overlapping log": lambda seed: planted_logs.kinds_log(seed, [1] * 5, contrast=0.45),
    "unequal log": lambda seed: planted_logs.kinds_log(seed, [50, 25, 12, 7, 4, 2], contrast=0.75, users=3000),
    "long tail log": lambda seed: planted_logs.kinds_log(
        seed, [(2 / 3) ** kind for kind in range(7)], contrast=0.8, users=2000
    ),
    "heavy noise log": lambda seed: planted_logs.kinds_log(seed, [1] * 5, contrast=0.8, noise=0.3),
}
STRUCTURELESS: dict[str, Callable[[int], planted.Planted]] = {
    "independent": planted.independent,
    "one kind": planted.one_kind,
    "one factor": planted.factors,
    "two factors": lambda seed: planted.factors(seed, count=2),
    "heavy-tailed factor": lambda seed: planted.factors(seed, heavy=True),
}
STRUCTURELESS_LOGS: dict[str, Callable[[int], planted.Planted]] = {
    "one kind log": lambda seed: planted_logs.factors_log(seed, factors=0),
    "one factor log": lambda seed: planted_logs.factors_log(seed, factors=1),
    "two factors log": lambda seed: planted_logs.factors_log(seed, factors=2),
    "heavy-tailed factor log": lambda seed: planted_logs.factors_log(seed, factors=1, heavy=True),
}
REPEATED = 3_200
"""Users of a repeat: more than there are landmarks, so that drawing and assignment are repeated too."""
NO_CATALOG = pd.DataFrame(columns=["feature", "description", "unit"])


@dataclass(frozen=True)
class Figure:
    """One row: what, the goal in words, the figure in words, and whether the goal is met (None: no goal)."""

    name: str
    goal: str
    value: str
    met: bool | None


@cache
def _log(name: str, seed: int) -> planted.Planted:
    return {**STRUCTURED, **STRUCTURED_LOGS, **STRUCTURELESS, **STRUCTURELESS_LOGS}[name](seed)


@cache
def _run(name: str, seed: int) -> Segmentation:
    return measures.run(_log(name, seed), seed)


def collapsed(seeds: range) -> Iterator[Figure]:
    runs = [_run(name, seed) for name in (*STRUCTURED, *STRUCTURED_LOGS) for seed in seeds]
    bad = sum(measures.collapsed(result) for result in runs)
    yield Figure("collapsed runs on structured logs", "0", f"{bad} of {len(runs)}", bad == 0)
    weak = sum(result.status != "ok" for result in runs)
    yield Figure("structured logs not reported as ok", "", f"{weak} of {len(runs)}", None)


def structureless(seeds: range) -> Iterator[Figure]:
    total = []
    for name in (*STRUCTURELESS, *STRUCTURELESS_LOGS):
        weak = [_run(name, seed).status == "weak_structure" for seed in seeds]
        total += weak
        yield Figure(f"reported weak: {name}", "", f"{sum(weak)} of {len(weak)}", None)
    yield Figure("structureless logs reported weak", ">= 95%", f"{np.mean(total):.0%}", bool(np.mean(total) >= 0.95))


def recovered(seeds: range) -> Iterator[Figure]:
    goals = (("separable", 0.95, 0.95), ("overlapping", 0.75, 0.80))
    for name, goal, share_goal in (*goals, *((f"{name} log", *rest) for name, *rest in goals)):
        rows = [_compared(name, seed) for seed in seeds]
        ours, kmeans, nmf, everyone, share = np.median(rows, axis=0)
        yield Figure(f"ARI over assigned users: {name}", f">= {goal}", f"{ours:.3f}", bool(ours >= goal))
        best = max(kmeans, nmf)
        text = f"k-means {kmeans:.3f}, NMF {nmf:.3f}"
        close = bool(ours >= best - 0.02)
        yield Figure(f"  beside k-means and NMF (true k): {name}", f">= {best - 0.02:.3f}", text, close)
        yield Figure(f"  over all users: {name}", "", f"{everyone:.3f}", None)
        yield Figure(f"share assigned: {name}", f">= {share_goal}", f"{share:.3f}", bool(share >= share_goal))
    for name in ("unequal", "long tail", "unequal log", "long tail log"):
        ours, kmeans, nmf, everyone, share = np.median([_compared(name, seed) for seed in seeds], axis=0)
        text = f"{ours:.3f} (k-means {kmeans:.3f}, NMF {nmf:.3f}; all users {everyone:.3f}; assigned {share:.3f})"
        yield Figure(f"ARI over assigned users: {name}", "", text, None)


@cache
def _compared(name: str, seed: int) -> tuple[float, float, float, float, float]:
    log, result = _log(name, seed), _run(name, seed)
    labels = result.users["cluster_id"]
    assigned = labels[labels.notna()].index
    kmeans, nmf = (
        measures.agreement(log.truth[assigned], rival, assigned_only=True)
        for rival in measures.rivals(log, seed).values()
    )
    return (
        measures.agreement(log.truth, labels, assigned_only=True),
        kmeans,
        nmf,
        measures.agreement(log.truth, labels, assigned_only=False),
        float(labels.notna().mean()),
    )


def repeated(seeds: range) -> Iterator[Figure]:
    for name, goal in (("separable", 0.95), ("overlapping", 0.80)):
        value = float(np.median([measures.subsample_agreement(_log(name, seed), seed) for seed in seeds]))
        yield Figure(f"agreement of two 80% subsamples: {name}", f">= {goal}", f"{value:.3f}", value >= goal)


def stable(seeds: range) -> Iterator[Figure]:
    everywhere = (*STRUCTURED, *STRUCTURED_LOGS)
    shown = [_run(name, seed).identities["stability"] for name in everywhere for seed in seeds]
    least, middle = float(pd.concat(shown).min()), float(pd.concat(shown).median())
    yield Figure(
        "bootstrap Jaccard of clusters shown: least (no others are shown)", ">= 0.60", f"{least:.3f}", least >= 0.6
    )
    yield Figure("bootstrap Jaccard of clusters shown: median", ">= 0.80", f"{middle:.3f}", middle >= 0.8)
    for name in everywhere:
        shares = [measures.kinds_shown(_log(name, seed), _run(name, seed)) for seed in seeds]
        share = float(np.median(shares))
        text = f"{share:.3f} (mean {np.mean(shares):.3f})"
        yield Figure(f"share of planted kinds shown: {name}", ">= 0.95", text, share >= 0.95)


def noise(seeds: range) -> Iterator[Figure]:
    for name in ("heavy noise", "heavy noise log"):
        gaps, planted_shares = [], []
        for seed in seeds:
            truth, labels = _log(name, seed).truth, _run(name, seed).users["cluster_id"]
            planted_shares.append(float((truth < 0).mean()))
            gaps.append(float(labels.isna().mean()) - planted_shares[-1])
        gap = float(np.median(gaps))
        text = f"{gap:+.3f} (planted {np.median(planted_shares):.3f})"
        yield Figure(f"unassigned less planted noise: {name}", "within 0.05", text, abs(gap) <= 0.05)


def same_ids(seeds: range) -> Iterator[Figure]:
    value = float(np.median([measures.id_accuracy(measures.segment_history(days.drifting_days(s), s)) for s in seeds]))
    yield Figure("ids right over 30 days, 5% replaced daily, drift", ">= 98%", f"{value:.1%}", value >= 0.98)


def changes(seeds: range) -> Iterator[Figure]:
    for change in ("split", "merge"):
        segmented = [measures.segment_history(days.changing_days(seed, change), seed) for seed in seeds]
        early = float(np.mean([measures.detected_within(history, change, 14) for history in segmented]))
        late = float(np.mean([measures.detected_within(history, change, days.WINDOW_DAYS) for history in segmented]))
        yield Figure(
            f"{change} named right within 14 days", ">= 90%", f"{early:.0%} (within 28: {late:.0%})", early >= 0.9
        )


def bounded(seeds: range) -> Iterator[Figure]:
    """Uses at most three seeds, as each needs three large fits."""
    pairs = np.array([measures.bound_cost(planted.overlapping(seed, users=30_000), seed) for seed in seeds[:3]])
    cost = float(np.median(pairs[:, 1] - pairs[:, 0]))
    text = "; ".join(f"{ours:.3f} (two unbounded fits {two:.3f})" for ours, two in pairs)
    yield Figure("landmarks against no bound, 30,000 users (ARI)", "median cost <= 0.020", text, cost <= 0.02)


def rules(seeds: range) -> Iterator[Figure]:
    scores = [
        describe_clusters(_log(name, seed).features, _run(name, seed).users["cluster_id"], NO_CATALOG)["rule_f1"]
        for name in (*STRUCTURED, *STRUCTURED_LOGS)
        for seed in seeds
    ]
    value = float(pd.concat(scores).median())
    yield Figure("rule F1, median", ">= 0.85", f"{value:.3f}", value >= 0.85)


def equal_repeats(seeds: range) -> Iterator[Figure]:
    """Repeats each seed in this process, with users and columns in another order, and in a new process."""
    again = elsewhere = 0
    for seed in seeds:
        log = planted.overlapping(seed, users=REPEATED)
        first = measures.result_hash(measures.run(log, seed))
        shuffled = log.features.sample(frac=1, random_state=seed)[sorted(log.features, reverse=True)]
        again += first == measures.result_hash(measures.run(planted.Planted(shuffled, log.truth, log.kinds), seed))
        code = (
            "from benchmarks.segmentation import measures, planted; "
            f"print(measures.result_hash(measures.run(planted.overlapping({seed}, users={REPEATED}), {seed})))"
        )
        output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        elsewhere += first == output.strip()
    text = f"{again} of {len(seeds)}, in another process {elsewhere} of {len(seeds)}"
    yield Figure("equal tables on repeats", "all", text, again == elsewhere == len(seeds))


def real_log(seeds: range) -> Iterator[Figure]:
    yield from (Figure(name, "", value, None) for name, value in real.loans(seeds[0]))


ROWS: dict[str, Callable[[range], Iterator[Figure]]] = {
    "collapsed": collapsed,
    "structureless": structureless,
    "recovered": recovered,
    "repeated": repeated,
    "stable": stable,
    "noise": noise,
    "ids": same_ids,
    "changes": changes,
    "rules": rules,
    "bounded": bounded,
    "equal": equal_repeats,
    "real": real_log,
}
