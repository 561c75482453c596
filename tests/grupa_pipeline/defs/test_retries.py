"""Which failures are tried again."""

from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from grupa_pipeline.defs.retries import PASSING, retry_later, retry_unreachable_engine
from grupa_pipeline.snapshots.spark_session import SparkFailedError, SparkUnavailableError


def context(tries: int = 0, tag: str = "dagster/sensor_name") -> dg.AssetExecutionContext:
    op = SimpleNamespace(retry_number=tries)
    return cast(Any, SimpleNamespace(op_execution_context=op, run=SimpleNamespace(tags={tag: "x"})))


def test_a_failure_that_may_pass_is_tried_again_twice_and_later_each_time() -> None:
    waits = [cast(dg.RetryRequested, retry_later(context(tries))).seconds_to_wait for tries in (0, 1)]
    assert waits == sorted(waits) and waits[0] > 0 and waits[1] < 600  # type: ignore[operator]
    assert retry_later(context(PASSING.max_retries)) is None


def test_who_waits_at_a_terminal_is_not_kept_waiting() -> None:
    assert retry_later(context(tag="dagster/partition")) is None


@pytest.mark.parametrize(
    ("error", "tries", "raised"),
    [
        (SparkUnavailableError("down"), 0, dg.RetryRequested),
        (SparkUnavailableError("down"), 2, SparkUnavailableError),
        (SparkFailedError("wrong"), 0, SparkFailedError),
        (OSError(28, "full"), 0, OSError),
    ],
)
def test_only_a_cluster_that_does_not_answer_is_tried_again(error: Exception, tries: int, raised: type) -> None:
    with pytest.raises(raised), retry_unreachable_engine(context(tries)):
        raise error
