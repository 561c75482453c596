"""Sensors that report failed runs, failed checks and overdue tables to a webhook.

The webhook's address is often a secret: no message, log or table holds it, and Dagster's UI does not show it.
"""

import json
import urllib.error
import urllib.request
from typing import Any

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState

from grupa_pipeline.defs.failures import failure_reason
from grupa_pipeline.defs.partitions import PARTITION_TAG
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.tables import PIPELINE_TABLES

TIMEOUT_SECONDS = 10
LONGEST_TEXT = 2000


class WebhookError(RuntimeError):
    """The webhook did not accept the message; Dagster's daemon tries again at its next tick."""


def webhook_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Sensors that report to `settings.webhook`; none where there is no webhook.

    Raises:
        SettingError: The webhook is no http or https address.
    """
    address = settings.webhook
    if address is None:
        return []
    if not address.lower().startswith(("http://", "https://")):
        raise SettingError("GRUPA_WEBHOOK is not an address that begins with http:// or https://.")

    # The names stay as first released: Dagster keeps a sensor's state under its name.
    @dg.run_failure_sensor(
        name="tell_failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports every failed run to the webhook, with its failed checks.",
    )
    def report_failed_run(context: dg.RunFailureSensorContext) -> None:
        post(address, failed_run_message(context))

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="tell_failed_checks",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports failed checks of runs that succeeded to the webhook.",
    )
    def report_failed_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        checks = failed_checks(context.instance, context.dagster_run)
        if not checks:
            return dg.SkipReason(f"All checks of run {context.dagster_run.run_id} passed.")
        post(address, _message(context.dagster_run, failed=False, reason=None, checks=checks))
        return None

    @dg.sensor(
        name="tell_overdue_tables",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports to the webhook, once, that no run has made new tables for too long.",
    )
    def report_overdue_tables(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        overdue = overdue_tables(context.instance)
        before = set(json.loads(context.cursor or "[]"))
        if news := [name for name in overdue if name not in before]:
            post(address, _overdue_message(news, settings.stale_days))
        reason = f"Overdue: {', '.join(overdue)}." if overdue else "No table is overdue."
        return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=json.dumps(overdue))

    return [report_failed_run, report_failed_checks, report_overdue_tables]


def overdue_tables(instance: dg.DagsterInstance) -> list[str]:
    """Tables that no run has made for longer than their freshness policy allows, as Dagster's daemon last found.

    The daemon looks at every table every few seconds, also when nothing runs. A table that was never made is not overdue.
    """
    records = instance.get_freshness_state_records([dg.AssetKey(table.name) for table in PIPELINE_TABLES])
    return sorted(
        key.to_user_string() for key, record in records.items() if record.freshness_state is FreshnessState.FAIL
    )


def failed_run_message(context: dg.RunFailureSensorContext) -> dict[str, Any]:
    """The message about a failed run: the first failed step's error in a sentence, without a traceback."""
    reasons = [failure_reason(event) for event in context.get_step_failure_events()]
    reason = next(iter(reasons), context.failure_event.message) or "it failed"
    checks = failed_checks(context.instance, context.dagster_run)
    return _message(context.dagster_run, failed=True, reason=reason, checks=checks)


def failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dict[str, str]]:
    """The failed checks of a run: `asset`, `check`, `severity` and, under `found`, the description of what is wrong."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [record.event_log_entry.asset_check_evaluation for record in records]
    return [
        {
            "asset": evaluation.asset_key.to_user_string(),
            "check": evaluation.check_name,
            "severity": evaluation.severity.value,
            "found": evaluation.description or "",
        }
        for evaluation in evaluations
        if evaluation and not evaluation.passed
    ]


def post(address: str, message: dict[str, Any]) -> None:
    """Post `message` as JSON.

    Raises:
        WebhookError: It could not be delivered; the error does not name the address.
    """
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked when the sensors were made
        address,
        data=json.dumps(message, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "grupa"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        error.close()  # it holds the response's socket
        raise WebhookError(f"The webhook answered with status {error.code}.") from None
    except (OSError, ValueError) as error:
        raise WebhookError(f"The webhook could not be reached ({type(error).__name__}).") from None


def _overdue_message(overdue: list[str], days: int) -> dict[str, Any]:
    text = (
        f"Grupa: nothing new for more than {days} days of {', '.join(overdue)}. Does a log still arrive in the inbox?"
    )
    return {"text": text[:LONGEST_TEXT], "overdue": overdue, "days": days, "failed": False, "checks": []}


def _message(run: dg.DagsterRun, *, failed: bool, reason: str | None, checks: list[dict[str, str]]) -> dict[str, Any]:
    """The JSON object to post; its `text` repeats all of it in lines, which is what chat services show."""
    day = run.tags.get(PARTITION_TAG)
    outcome = "failed" if failed else "succeeded, but checks did not hold"
    lines = [f"Grupa: run {run.run_id[:8]} of {run.job_name}{f' for {day}' if day else ''} {outcome}."]
    lines += [reason] if reason else []
    lines += [f"{check['severity']}: {check['asset']}, {check['check']}: {check['found']}" for check in checks]
    return {
        "text": "\n".join(lines)[:LONGEST_TEXT],
        "run_id": run.run_id,
        "job": run.job_name,
        "snapshot_date": day,
        "failed": failed,
        "reason": reason,
        "checks": checks,
    }
