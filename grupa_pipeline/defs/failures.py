"""Why a run failed, in one sentence; used by the command line, the webhook and the app."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the app imports this module, and Dagster takes a second to import
    from dagster import DagsterEvent


def failure_reason(event: "DagsterEvent") -> str:
    """The reason of a failure without its traceback, which is in Dagster's UI.

    It is the description of the `dagster.Failure` that a step raised, else the message of the error that it
    raised, which Dagster wraps in one of its own.

    Args:
        event: A step failure or a run failure.

    Example:
        >>> failure_reason(event)
        'log.csv has no column for the user'
    """
    if event.is_step_failure:
        failure = event.step_failure_data
        if failure.user_failure_data and failure.user_failure_data.description:
            return failure.user_failure_data.description
        error = failure.error
    else:
        error = event.job_failure_data.error
    return (error.cause or error).message.strip() if error else "it failed"
