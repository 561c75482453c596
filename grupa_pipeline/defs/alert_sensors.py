"""Tells a webhook of failed runs and failed checks. Decides what is told and to whom; when, is Dagster's daemon's business.

The address is a secret as often as not: it is in no message, log or table, and Dagster's UI does not show it.
"""

import json
import urllib.error
import urllib.request
from typing import Any

import dagster as dg

from grupa_pipeline.defs.failures import failure_reason
from grupa_pipeline.settings import SettingError, Settings

TIMEOUT_SECONDS = 10
LONGEST_TEXT = 2000


class WebhookError(RuntimeError):
    """The webhook did not take the message; Dagster's daemon tries again with its next tick."""


def webhook_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Sensors that tell `settings.webhook`; none where there is no webhook.

    Raises:
        SettingError: It is no http or https address.
    """
    address = settings.webhook
    if address is None:
        return []
    if not address.lower().startswith(("http://", "https://")):
        raise SettingError("GRUPA_WEBHOOK is not an address that begins with http:// or https://.")

    @dg.run_failure_sensor(
        name="tell_failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the webhook of every run that failed, with the checks that did.",
    )
    def tell_failed_runs(context: dg.RunFailureSensorContext) -> None:
        tell(address, failed_run(context))

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="tell_failed_checks",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the webhook of checks that did not hold in a run that succeeded.",
    )
    def tell_failed_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        failed = failed_checks(context.instance, context.dagster_run)
        if not failed:
            return dg.SkipReason(f"All checks of run {context.dagster_run.run_id} hold.")
        tell(address, _message(context.dagster_run, "succeeded, but checks did not hold", None, failed))
        return None

    return [tell_failed_runs, tell_failed_checks]


def failed_run(context: dg.RunFailureSensorContext) -> dict[str, Any]:
    """What is told of a run that failed: the first step's error in words, without a traceback."""
    reasons = [failure_reason(event) for event in context.get_step_failure_events()]
    reason = next(iter(reasons), context.failure_event.message) or "it failed"
    return _message(context.dagster_run, "failed", reason, failed_checks(context.instance, context.dagster_run))


def failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dict[str, str]]:
    """The checks of a run that did not hold: asset, check, severity and what was found."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [record.event_log_entry.asset_check_evaluation for record in records]
    return [
        {
            "asset": found.asset_key.to_user_string(),
            "check": found.check_name,
            "severity": found.severity.value,
            "found": found.description or "",
        }
        for found in evaluations
        if found and not found.passed
    ]


def tell(address: str, message: dict[str, Any]) -> None:
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
        raise WebhookError(f"The webhook answered with status {error.code}.") from None
    except (OSError, ValueError) as error:
        raise WebhookError(f"The webhook could not be reached ({type(error).__name__}).") from None


def _message(run: dg.DagsterRun, what: str, reason: str | None, checks: list[dict[str, str]]) -> dict[str, Any]:
    """One object; `text` says all of it in lines, and is what chat services show."""
    day = run.tags.get("dagster/partition")
    lines = [f"Grupa: run {run.run_id[:8]} of {run.job_name}{f' for {day}' if day else ''} {what}."]
    lines += [reason] if reason else []
    lines += [f"{check['severity']}: {check['asset']}, {check['check']}: {check['found']}" for check in checks]
    return {
        "text": "\n".join(lines)[:LONGEST_TEXT],
        "run_id": run.run_id,
        "job": run.job_name,
        "snapshot_date": day,
        "failed": what == "failed",
        "reason": reason,
        "checks": checks,
    }
