"""How often one person may upload, launch runs and export within an hour."""

from pathlib import Path

import pytest

from grupa_pipeline.auth.permissions import MUTATIONS, OPERATOR
from grupa_pipeline.auth.use_limits import LAUNCHES, LimitedUse, UseLimits
from grupa_pipeline.settings import Settings
from tests.grupa_pipeline.auth.clocks import Clock


@pytest.fixture
def limits(tmp_path: Path, clock: Clock) -> UseLimits:
    return UseLimits(Settings(warehouse=tmp_path, uploads_per_hour=3, runs_per_hour=5), clock)


def test_one_more_waits_until_the_first_is_an_hour_old(limits: UseLimits, clock: Clock) -> None:
    for _ in range(3):
        assert limits.take("kim", LimitedUse.UPLOAD) is None
        clock.now += 600
    reached = limits.take("kim", LimitedUse.UPLOAD)
    assert reached is not None
    assert reached.seconds == 1800
    expected = (
        "One person may make 3 uploads within an hour (GRUPA_UPLOADS_PER_HOUR), and you did; try again in 30 minutes."
    )
    assert str(reached) == expected
    assert limits.take("lou", LimitedUse.UPLOAD) is None
    assert limits.take("kim", LimitedUse.RUN) is None
    clock.now += 1800
    assert limits.take("kim", LimitedUse.UPLOAD) is None
    assert limits.take("kim", LimitedUse.UPLOAD) is not None


def test_several_at_once_count_as_so_many_or_not_at_all(limits: UseLimits) -> None:
    assert limits.take("kim", LimitedUse.RUN, 6) is not None
    assert limits.take("kim", LimitedUse.RUN, 4) is None
    assert limits.take("kim", LimitedUse.RUN, 2) is not None
    assert limits.take("kim", LimitedUse.RUN) is None


def test_a_clock_that_is_set_back_locks_nobody(limits: UseLimits, clock: Clock) -> None:
    for _ in range(3):
        limits.take("kim", LimitedUse.UPLOAD)
    clock.now -= 24 * 3600
    assert limits.take("kim", LimitedUse.UPLOAD) is None


def test_names_are_not_stored(limits: UseLimits, tmp_path: Path) -> None:
    limits.take("somebody by name", LimitedUse.UPLOAD)
    assert b"somebody" not in (tmp_path / ".sign_in.sqlite").read_bytes()


def test_every_mutation_that_launches_counts() -> None:
    assert {name for name in MUTATIONS if "aunch" in name or "xecut" in name} <= LAUNCHES | {
        "terminatePipelineExecution"
    }
    assert all(MUTATIONS[name] == OPERATOR for name in LAUNCHES)
