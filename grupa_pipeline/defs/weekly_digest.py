"""The weekly job that sends a digest; there is none where `GRUPA_DIGEST_URLS` names no address."""

import dagster as dg

from grupa_pipeline.digest.delivery import DigestNotSentError, send_digest, write_digest
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.enums import JobName


def digest_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedule that sends the digest on Mondays; empty without addresses.

    The settings stay in the function: Dagster's UI shows what is configured, and addresses hold passwords.
    """
    if not settings.digest_urls:
        return []

    @dg.op(
        name="send_weekly_digest", description="Tell what changed since the last digest, as `grupa digest --send` does."
    )
    def send() -> None:
        try:
            send_digest(settings, write_digest(settings))
        except (DigestNotSentError, SettingError, NoWarehouseError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None

    # Dagster serialises exact strings only: enum members are handed to it as `.value`.
    @dg.job(name=JobName.DIGEST.value, description="Send what changed since the last digest.")
    def digest_job() -> None:
        send()

    return [
        dg.ScheduleDefinition(
            job=digest_job,
            cron_schedule="0 7 * * 1",
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            name="weekly_digest",
            description="Every Monday at 07:00 UTC: send what changed since the last digest.",
        )
    ]
