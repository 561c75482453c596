"""Measures the mathematics of a plan: early looks, CUPED, replay and the reading of results."""

from dataclasses import dataclass, replace
from datetime import date
from math import ceil, sqrt
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from dash_app.planning.cuped import adjusted, find_covariate
from dash_app.planning.design import Design, Metric
from dash_app.planning.estimates import estimate
from dash_app.planning.plan import Plan
from dash_app.planning.replay import replay
from dash_app.planning.sample_size import control_size
from dash_app.planning.sequential import design_looks, spent
from dash_app.planning.tracking import tracked
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import (
    ArmResult,
    Decision,
    Looks,
    ResultSource,
    Spending,
    TrackedValue,
    TrackingVerdict,
)

SEQUENTIAL_RUNS = 100_000


@dataclass(frozen=True)
class SequentialRow:
    """A plan of several looks: simulated type I error and power, and how far its boundaries are from another program's."""

    looks: Looks
    type_1: float
    power: float
    off: float | None


def sequential(seed: int = 21) -> list[SequentialRow]:
    """Two to five looks, both spendings, with and without futility; power is planned at .8."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(2, 6):
        for spending in Spending:
            for futility in (False, True):
                looks = design_looks(number, spending, futility=futility)
                drift = sqrt(looks.inflation) * float(ndtri(0.975) + ndtri(0.8))
                steps = rng.normal(size=(SEQUENTIAL_RUNS, number)) / sqrt(number)
                error, power = (_rejected(looks, steps, each) for each in (0.0, drift))
                rows.append(SequentialRow(looks, error, power, _off(looks)))
    return rows


def _rejected(looks: Looks, steps: np.ndarray, drift: float) -> float:
    times = np.arange(1, looks.number + 1) / looks.number
    scores = (steps.cumsum(axis=1) + drift * times) / np.sqrt(times)
    going, rejected = np.ones(len(scores), bool), np.zeros(len(scores), bool)
    for at, bound in enumerate(looks.boundaries):
        crossed = going & (np.abs(scores[:, at]) > bound)
        rejected |= crossed
        going &= ~crossed
        if looks.futility and drift:  # not binding: alpha must hold when it is ignored
            going &= scores[:, at] >= looks.futility_boundaries[at]
    return float(rejected.mean())


def _off(looks: Looks) -> float | None:
    """Largest difference to boundaries found with gsDesign's integration (`gsdesign` on PyPI); None where it is not there."""
    try:
        import gsdesign as peer  # type: ignore[import-not-found]
    except ImportError:
        return None
    times = [(at + 1) / looks.number for at in range(looks.number)]
    found: list[float] = []
    state: Any = None
    done = 0.0
    for at, time in enumerate(times):
        step = spent(looks.spending, time, 0.025) - done

        def missing(bound: float, at: int = at, time: float = time, state: Any = state, step: float = step) -> float:
            if state is None:
                _, _, h = peer.h1(80, 0.0, time, bound, np.inf)
            else:
                _, _, h = peer.hupdate(80, 0.0, time, bound, np.inf, 0.0, times[at - 1], state)
            return float(np.sum(h)) - step

        bound = float(brentq(missing, 0.5, 7.0, xtol=1e-9))
        found.append(bound)
        if state is None:
            state = peer.h1(80, 0.0, time, -np.inf, bound)
        else:
            state = peer.hupdate(80, 0.0, time, -np.inf, bound, 0.0, times[at - 1], state)
        done += step
    return max(abs(one - other) for one, other in zip(found, looks.boundaries, strict=True))


def cuped(correlation: float, users: int = 2000, runs: int = 40, seed: int = 22) -> tuple[int, float]:
    """How often a saving is claimed among 16 covariates of which one has the correlation, and the mean absolute error.

    The error is of the claimed ratio, against the variance left on 20,000 other users with the chosen covariate.
    """
    rng = np.random.default_rng(seed)
    claimed, errors = 0, []
    for _ in range(runs):
        y, before = _pairs(correlation, users, rng)
        found = find_covariate(y, before, seed=int(rng.integers(1 << 30)))
        if found is None:
            continue
        claimed += 1
        other, after = _pairs(correlation, 20_000, rng)
        errors.append(abs(np.var(adjusted(other, after[found.covariate])) / np.var(other) - found.variance_ratio))
    return claimed, float(np.mean(errors)) if errors else 0.0


def _pairs(correlation: float, users: int, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    x = rng.normal(size=users)
    noise = {f"noise_{at}": rng.normal(size=users) for at in range(15)}
    return correlation * x + sqrt(1 - correlation**2) * rng.normal(size=users), noise | {"own": x}


def replays(runs: int = 40, seed: int = 23) -> tuple[float, float, float, float, float]:
    """Replays of shares and of Pareto tails.

    Returns:
        Smallest and largest rate of false alarms, largest difference of power to the formula, share of heavy tails flagged,
        and share of normal metrics flagged.
    """
    rng = np.random.default_rng(seed)
    alarms, off, heavy, light = [], [], 0, 0
    for _ in range(runs):
        share = float(rng.uniform(0.1, 0.8))
        values = (rng.random(2000) < share).astype(float)
        found = replay(
            Metric(MetricKind.PROPORTION, float(values.mean())),
            values,
            0.05,
            Design(),
            seed=int(rng.integers(1_000_000_000)),
        )
        tail, flat = rng.pareto(1.1, 2000), rng.normal(10, 2, 2000)
        for_tail = replay(Metric(MetricKind.MEAN, float(tail.mean()), float(tail.std())), tail, 1.0, Design())
        for_flat = replay(Metric(MetricKind.MEAN, 10.0, 2.0), flat, 0.2, Design())
        assert found is not None
        assert for_tail is not None
        assert for_flat is not None
        alarms.append(found.false_alarms)
        off.append(abs(found.power - found.formula_power))
        heavy += for_tail.heavy_tail
        light += for_flat.heavy_tail
    return min(alarms), max(alarms), max(off), heavy / runs, light / runs


def coverage(plan: Plan, runs: int = 500, seed: int = 24) -> float:
    """Share of planted changes that lie within the interval of their result; `plan` is of a share."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(runs):
        share, change, users = rng.uniform(0.05, 0.8), rng.uniform(-0.04, 0.12), int(rng.integers(100, 4000))
        arms = [
            ArmResult(arm.name, users, float(rng.binomial(users, at) / users))
            for arm, at in zip(plan.variants, (share, share + change), strict=True)
        ]
        found = estimate(plan, arms, ResultSource.TYPED, date(2026, 1, 1))
        hits += found.low <= change <= found.high
    return hits / runs


def fading(plan: Plan, most: float = 2.0, runs: int = 500, seed: int = 25) -> tuple[int, float, float, float]:
    """Planted changes that shipped on their result; half of them fade, and three later snapshots have an arm's users each.

    Args:
        plan: A plan of a share, to be sized for each change.
        most: True effects are up to so many times the smallest one that the test is sized for.
        runs: Changes; a test whose result would not ship is made again.
        seed: Of the random numbers.

    Returns:
        Changes that held, share of the faded told "faded", of those that held, and share told "cannot tell".
    """
    rng = np.random.default_rng(seed)
    told: dict[bool, list[TrackingVerdict]] = {True: [], False: []}
    while sum(map(len, told.values())) < runs:
        share = float(rng.uniform(0.08, 0.6))
        effect = share * float(rng.uniform(0.08, 0.25))
        users = ceil(control_size(Metric(MetricKind.PROPORTION, share), effect, Design()))
        truth = share + effect * float(rng.uniform(1, most))
        planned = replace(plan, baseline=float(rng.binomial(users, share) / users), baseline_n=users)
        arms = [
            ArmResult(arm.name, users, float(rng.binomial(users, at) / users))
            for arm, at in zip(plan.variants, (share, truth), strict=True)
        ]
        result = estimate(planned, arms, ResultSource.TYPED, date(2026, 1, 1))
        if result.low <= 0:
            continue
        is_faded = bool(rng.random() < 0.5)
        found = [float(rng.binomial(users, share if is_faded else truth) / users) for _ in range(3)]
        values = [TrackedValue(date(2026, 2 + at, 1), value, value, value, users) for at, value in enumerate(found)]
        shipped = tracked(replace(planned, result=result, decision=Decision.SHIP), values)
        assert shipped.tracking is not None
        told[is_faded].append(shipped.tracking.verdict)
    recall, false = (np.mean([each is TrackingVerdict.FADED for each in told[fades]]) for fades in (True, False))
    unsure = np.mean([each is TrackingVerdict.CANNOT_TELL for some in told.values() for each in some])
    return len(told[False]), float(recall), float(false), float(unsure)
