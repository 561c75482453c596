"""The reason of a failed run is the sentence that was raised, or the message of the error that a step raised."""

from collections.abc import Callable

import dagster as dg
import pytest

from grupa_pipeline.defs.failures import failure_reason


def chained() -> None:
    try:
        raise OSError("the disk is full")
    except OSError as error:
        raise RuntimeError("writing failed") from error


def explained() -> None:
    raise dg.Failure("log.csv has no column for the user") from ValueError("KeyError: user_id")


def plain() -> None:
    raise ValueError("too few users")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (chained, "RuntimeError: writing failed"),
        (explained, "log.csv has no column for the user"),
        (plain, "ValueError: too few users"),
    ],
)
def test_a_failed_step_has_one_reason(function: Callable[[], None], reason: str) -> None:
    @dg.op
    def step() -> None:
        function()

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    result = job.execute_in_process(raise_on_error=False)
    (event,) = result.filter_events(lambda event: event.is_step_failure)
    assert failure_reason(event) == reason
