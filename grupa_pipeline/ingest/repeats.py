"""Whether equal records of a log are several events: where its times are too coarse to tell two events apart."""

import re
from collections.abc import Sequence

from grupa_pipeline.ingest.reading_options import Repeats

_SECONDS_IN_FORMAT = re.compile(r"%[STXcsfgn]")
_CLOCK = re.compile(r"\d[:.h]\d{2}")
_SECONDS = re.compile(
    r"\d{1,2}:\d{2}:\d{2}|T?\d{6}([.,]\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$|^\s*\d+[.,]\d+([eE]\+?\d+)?\s*$", re.IGNORECASE
)
_DAY_OR_MINUTE = re.compile(r"\d{8}|\d{12}|\d{10}")


def keeps_repeats(texts: Sequence[str], timestamp_format: str | None, repeats: Repeats | None, *, epochs: bool) -> bool:
    """Whether equal records are kept: as a person said, else where no time has seconds.

    Args:
        texts: Times of the first records.
        timestamp_format: Their format, if a person gave it.
        repeats: What a person said.
        epochs: Whether the times are numbers of seconds (or parts of them).
    """
    if repeats is not None:
        return repeats is Repeats.KEEP
    filled = [text for text in texts if text.strip()]
    if epochs or not filled:
        return False
    if timestamp_format is not None:
        return "%" in timestamp_format and not _SECONDS_IN_FORMAT.search(timestamp_format)
    return not any(_has_seconds(text) for text in filled)


def repeats_note(file: str, repeats: int, texts: Sequence[str]) -> str:
    """The sentence that says how many repeats were kept and why."""
    what = "seconds" if any(_CLOCK.search(text) for text in texts) else "hours"
    rows = "1 row repeats" if repeats == 1 else f"{repeats:,} rows repeat"
    return (
        f"{file}: {rows} an earlier one, and its times have no {what}, so repeats cannot be told from duplicates; all are kept "
        "(--repeats drop counts each once)."
    )


def _has_seconds(text: str) -> bool:
    plain = text.strip()
    return not _DAY_OR_MINUTE.fullmatch(plain) and bool(_SECONDS.search(plain))
