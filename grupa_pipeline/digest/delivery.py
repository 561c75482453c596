"""Sends a digest to e-mail, chats and webhooks with apprise, and remembers the day of the last one.

Addresses hold passwords and tokens: no message, error or log names one.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from grupa_pipeline.digest.digest_contents import read_digest
from grupa_pipeline.digest.digest_text import digest_lines, subject
from grupa_pipeline.exports.replacement import replace_file
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage.audit_log import AuditAction, recorded

if TYPE_CHECKING:
    import apprise

_SENT = "digest.json"
_FIRST_DAYS = 7
"""The first digest tells of so many days."""


class DigestNotSentError(RuntimeError):
    """An address did not take the digest; the message says which by its place, and the digest counts as not sent."""


@dataclass(frozen=True)
class WrittenDigest:
    """A digest as text, and the day of the snapshot that it tells of."""

    day: date
    title: str
    text: str


def write_digest(settings: Settings, since: date | None = None, today: date | None = None) -> WrittenDigest:
    """What changed since `since` (None: the last digest that was sent, else seven days ago), in words.

    Raises:
        NoWarehouseError: Nothing has been published.
    """
    at = today or datetime.now(UTC).date()
    begin = since or last_sent(settings.warehouse)
    if begin is None:
        newest = read_digest(settings.warehouse, date.min, at, settings.min_group).day
        begin = newest - timedelta(days=_FIRST_DAYS)
    digest = read_digest(settings.warehouse, begin, at, settings.min_group)
    return WrittenDigest(digest.day, subject(digest), "\n".join(digest_lines(digest)))


def send_digest(settings: Settings, digest: WrittenDigest) -> int:
    """Send a digest to all of `settings.digest_urls`; returns how many they are.

    Raises:
        SettingError: There is no address, or one is of no kind that apprise knows.
        DigestNotSentError: An address did not take it.
    """
    channels = _channels(settings.digest_urls)
    with recorded(settings.warehouse, AuditAction.EXPORT, "digest"):
        failed = [
            str(place)
            for place, channel in enumerate(channels, 1)
            if not channel.notify(body=digest.text, title=digest.title, body_format="text")
        ]
        if failed:
            raise DigestNotSentError(
                f"Of {len(channels)} addresses in GRUPA_DIGEST_URLS, number {', '.join(failed)} did not take the digest; the"
                " next one tells of the same days again."
            )
        _remember(settings.warehouse, digest.day)
    return len(channels)


def last_sent(folder: Path) -> date | None:
    """Day of the snapshot that the last sent digest told of; None where none was sent."""
    try:
        return date.fromisoformat(json.loads((folder / _SENT).read_text(encoding="utf-8"))["day"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _channels(addresses: Sequence[str]) -> list["apprise.Apprise"]:
    import apprise  # a hundred kinds of services, which nothing else needs

    if not addresses:
        raise SettingError("GRUPA_DIGEST_URLS names no address to send to; docs/configuration.md shows some.")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold addresses
    channels = []
    for place, address in enumerate(addresses, 1):
        channel = apprise.Apprise()
        if not channel.add(address):
            raise SettingError(f"Address number {place} in GRUPA_DIGEST_URLS is of no kind that apprise knows.")
        channels.append(channel)
    return channels


def _remember(folder: Path, day: date) -> None:
    sent_at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    with replace_file(folder / _SENT) as part:
        part.write_text(json.dumps({"day": day.isoformat(), "sent_at": sent_at}) + "\n", encoding="utf-8")
