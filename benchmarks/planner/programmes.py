"""Simulated test programmes against the forecast of the roadmap: past results, tests to come, and what they then bring."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from dash_app.planning.gains import OWN_RATE_FROM, PastTest, PlannedGain, forecast_gains, usual_kind

PROGRAMMES = 1000


@dataclass(frozen=True)
class Coverage:
    """Shares of programmes whose sum is within the interval: of all, of those with ten results, of those with fewer; and the
    mean of the naive sum and of what is expected over the mean of what came."""

    every: float
    own: float
    usual: float
    naive: float
    expected: float


def simulate(effects: str = "exponential", works: float | None = None, seed: int = 41) -> Coverage:
    """Forecast `PROGRAMMES` programmes of 2 to 15 tests after 0 to 40 results.

    Args:
        effects: Shape of the effects of changes that do anything: `exponential` as the forecast takes it, or `half-normal`.
        works: Share of changes that do anything in all programmes; None draws it as the forecast does before there are results.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    shares, sizes = usual_kind(rng, PROGRAMMES)
    hits, known, sums = [], [], []
    for at in range(PROGRAMMES):
        share, size = works if works is not None else shares[at], sizes[at]
        history = int(rng.integers(0, 41))
        planned = rng.uniform(2.0, 4.0, history)
        scores = rng.normal(_effects(effects, history, share, size, rng) * planned)
        past = [PastTest(float(score), float(each)) for score, each in zip(scores, planned, strict=True)]
        power = float(ndtri(0.975)) + float(ndtri(0.8))
        tests = [
            PlannedGain(float(gain), power, float(ndtri(0.975))) for gain in rng.lognormal(5, 1, rng.integers(2, 16))
        ]
        found = forecast_gains(tests, past, seed=at, draws=4000)
        true = _effects(effects, len(tests), share, size, rng)
        shown = rng.normal(true * power) > float(ndtri(0.975))
        came = float(sum(test.gain * each for test, each, won in zip(tests, true, shown, strict=True) if won))
        hits.append(found.low <= came <= found.high)
        known.append(history >= OWN_RATE_FROM)
        sums.append((came, found.naive, found.expected))
    inside, own = np.array(hits), np.array(known)
    came_mean, naive, expected = np.mean(sums, axis=0)
    return Coverage(
        float(inside.mean()),
        float(inside[own].mean()),
        float(inside[~own].mean()),
        float(naive / came_mean),
        float(expected / came_mean),
    )


def _effects(shape: str, number: int, share: float, size: float, rng: np.random.Generator) -> np.ndarray:
    drawn = rng.exponential(size, number) if shape == "exponential" else np.abs(rng.normal(0, size * 1.2533, number))
    return np.where(rng.random(number) < share, drawn, 0.0)
