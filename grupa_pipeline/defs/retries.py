"""Which failures of a run may pass, and are tried again: a model provider or a Spark cluster that does not answer.

Nothing else is: bad input fails the same way again. Locks are waited for, never retried.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from grupa_pipeline.snapshots.spark_session import SparkUnavailableError

PASSING = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""About one minute, then two or three."""

_UNATTENDED_TAGS = ("dagster/sensor_name", "dagster/schedule_name", "dagster/backfill", "dagster/from_ui")


def retry_later(context: dg.AssetExecutionContext, error: BaseException | None = None) -> dg.RetryRequested | None:
    """What to raise to have this step tried again; None at the last try, and where a person waits for `grupa run`.

    Args:
        context: The step's context.
        error: The failure that may pass.
    """
    tries = context.op_execution_context.retry_number
    is_unattended = any(tag in context.run.tags for tag in _UNATTENDED_TAGS)
    if not is_unattended or tries >= PASSING.max_retries:
        return None
    request = dg.RetryRequested(PASSING.max_retries, PASSING.calculate_delay(tries + 1))
    request.__cause__ = error
    return request


@contextmanager
def retry_unreachable_engine(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Have the step tried again later where Spark does not answer within the block."""
    try:
        yield
    except SparkUnavailableError as error:
        raise retry_later(context, error) or error from error
