"""Brings the text of a log into UTF-8 before it is read, so that no record is lost for its bytes.

A person names the encoding, or it is recognised over the whole file: UTF-8, UTF-16 (`source.py`), and the Western European
one of Windows, of which Latin-1 is a part. Others look too much like each other, so they are proposed and asked.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from grupa_pipeline.ingest.errors import ACCEPT_ADVICE, UnusableFileError
from grupa_pipeline.ingest.source import FileFormat, Scan, scan, text_blocks

WESTERN = "cp1252"
FEW_LINES = 10
"""Fewer lines than these whose encoding is unknown are damaged records; more refuse the log."""
_LOOKALIKES = [
    *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
    *("koi8_r", "cp866", "mac_roman", "cp850"),
]
"""The encodings that are proposed."""
_SAMPLED_LINES, _SAMPLED_BYTES = 500, 2_000
_MOST_ODD = 0.1
"""Share of a text's characters beyond ASCII that may be out of place in a Western European language."""
_FOREIGN_SHARE = 0.05
"""Share of the lines beyond ASCII up to which valid UTF-8 is an accident of another encoding."""
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LETTER = "A-Za-zÀ-ÖØ-öø-ÿŠŽšžŒœŸ"
_ODD = re.compile(
    "[\ufffd\x80-\x9fƒˆ˜†‡‰¤¦¬¯¸¶ÿþð]"  # in no word
    "|[À-ÖØ-öø-ÿŠŽšžŒœŸ]{3,}"  # vowels with accents stand among other letters
    f"|(?<=[{_LETTER}])[^\\x00-\\x7f{_LETTER}\u2019\u2018\u2010-\u2015·\xa0](?=[{_LETTER}])"  # a sign inside a word
    "|(?<=[a-zß-öø-ÿ])[ŠŽŸŒ]"  # what small letters of a Macintosh look like
)


@dataclass
class _LineTally:
    """The lines of a text that are not ASCII: how many are UTF-8, are not at all, and are partly; and some of the others."""

    utf8: int = 0
    foreign: int = 0
    damaged: int = 0
    samples: list[bytes] = field(default_factory=list)
    first: int = 0
    """Number of the first line that is not UTF-8."""

    @property
    def are_mixed(self) -> bool:
        """Whether lines in UTF-8 stand beside others, as when files were joined."""
        return self.utf8 > _FOREIGN_SHARE * (self.utf8 + self.foreign + self.damaged)


def in_utf8(
    scanned: Scan, encoding: str | None, scratch: Path, *, accept_rejects: bool = False
) -> tuple[Scan, str | None]:
    """The scan of a log's text in UTF-8, and a sentence for people about its encoding; None where there is nothing to tell.

    Args:
        scanned: Scan of the log as given.
        encoding: What a person says its encoding is.
        scratch: A folder for the text in UTF-8.
        accept_rejects: Whether lines whose encoding is unknown are left to be rejected.

    Raises:
        UnusableFileError: The encoding is not known, or the log is not in the one that is named.
    """
    if scanned.format is FileFormat.PARQUET:
        return scanned, None
    if encoding is not None:
        blocks = _decoded(scanned, encoding, text_blocks(scanned.path))
        return _written(scanned, blocks, scratch), f"{scanned.name} is read as {encoding}, as you said."
    if scanned.is_utf8:
        return scanned, None
    lines = _tally(text_blocks(scanned.path))
    if lines.are_mixed and not lines.foreign:  # UTF-8 with damaged records
        return scanned, None
    if not _is_western(lines.samples):
        if accept_rejects or lines.foreign + lines.damaged < FEW_LINES:
            return scanned, None
        raise _unknown(scanned, lines)
    convert = _western_line if lines.are_mixed else _western
    blocks = map(convert, _whole_lines(text_blocks(scanned.path)))
    return _written(scanned, blocks, scratch), _western_note(scanned, lines)


def is_encoding(name: str) -> bool:
    """Whether Python knows the text encoding `name`."""
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def _tally(blocks: Iterable[bytes]) -> _LineTally:
    lines, number = _LineTally(), 0
    for block in _whole_lines(blocks):
        if block.isascii():
            number += block.count(b"\n")
            continue
        for line in block.splitlines():
            number += 1
            if line.isascii():
                continue
            try:
                line.decode()
                lines.utf8 += 1
                continue
            except UnicodeDecodeError:
                lines.first = lines.first or number
            is_damaged = _UTF8_SEQUENCE.search(line) is not None
            lines.damaged, lines.foreign = lines.damaged + is_damaged, lines.foreign + (not is_damaged)
            if len(lines.samples) < _SAMPLED_LINES and not (is_damaged and lines.are_mixed):
                lines.samples.append(line[:_SAMPLED_BYTES])
    return lines


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks of a text, cut at ends of lines where those have any."""
    carry = b""
    for block in blocks:
        text = carry + block
        end = text.rfind(b"\n") + 1 or len(text)
        yield text[:end]
        carry = text[end:]
    if carry:
        yield carry


def _is_western(samples: Iterable[bytes]) -> bool:
    """Whether the texts read like a Western European language."""
    texts = [line.decode(WESTERN, errors="replace") for line in samples]
    beyond = sum(not character.isascii() for text in texts for character in text)
    odd = sum(len(match[0]) for text in texts for match in _ODD.finditer(text))
    return odd <= _MOST_ODD * beyond if beyond else False


def _western(block: bytes) -> bytes:
    return block if block.isascii() else block.decode(WESTERN, errors="replace").encode()


def _western_line(block: bytes) -> bytes:
    """The block with each of its lines converted of which no part is UTF-8."""
    return b"".join(line if _UTF8_SEQUENCE.search(line) else _western(line) for line in block.splitlines(keepends=True))


def _western_note(scanned: Scan, lines: _LineTally) -> str:
    example = _example(lines.samples, WESTERN)
    also = f" --encoding says another one, if names such as {example!r} look wrong."
    if lines.are_mixed:
        return (
            f"{scanned.name}: {lines.foreign:,} of its lines are not UTF-8, the first one line {lines.first:,}; they are read as "
            f"Western European ({WESTERN}).{also}"
        )
    return f"{scanned.name} is not UTF-8 and is read as Western European ({WESTERN}).{also}"


def _decoded(scanned: Scan, encoding: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for block in blocks:
            text = decoder.decode(block)
            line += text.count("\n")
            yield text.encode(errors="replace")
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        problem = f"it is not {encoding} ({error}); name another --encoding, or leave it out."
        raise UnusableFileError(scanned.name, problem, line) from error


def _written(scanned: Scan, blocks: Iterable[bytes], scratch: Path) -> Scan:
    """The scan of the text in UTF-8; its hash is that of the bytes as given."""
    path = scratch / "text"
    with path.open("wb") as file:
        for block in blocks:
            file.write(block)
    return replace(scan(path, scanned.name, scratch), sha256=scanned.sha256)


def _unknown(scanned: Scan, lines: _LineTally) -> UnusableFileError:
    encodings = tuple(name for name in _proposed(lines.samples) if _fits(scanned, name))
    count = f"{lines.foreign + lines.damaged:,} of its lines are not UTF-8"
    if not encodings:
        problem = f"{count} and in no other encoding that is known; export it in UTF-8. {ACCEPT_ADVICE}"
        return UnusableFileError(scanned.name, problem, lines.first, rejects=True)
    first, *others = encodings
    also = f" (or {', '.join(others)})" if others else ""
    problem = f"{count}; as {first} they read {_example(lines.samples, first)!r}: if this is right, add --encoding {first}{also}."
    return UnusableFileError(scanned.name, problem, lines.first, encodings=encodings)


def _proposed(samples: list[bytes]) -> list[str]:
    from charset_normalizer import from_bytes  # takes a while to import, and is rarely needed

    found = from_bytes(b"\n".join(samples), cp_isolation=_LOOKALIKES)
    return [match.encoding for match in found][:3]


def _fits(scanned: Scan, encoding: str) -> bool:
    try:
        for _ in _decoded(scanned, encoding, text_blocks(scanned.path)):
            pass
    except UnusableFileError:
        return False
    return True


def _example(samples: list[bytes], encoding: str) -> str:
    """A field with a character beyond ASCII, as the encoding reads it."""
    texts = (line.decode(encoding, errors="replace") for line in samples)
    fields = (part.strip(" \"'") for text in texts for part in re.split(r"[,;\t|]", text) if not part.isascii())
    return next(fields, "")[:60]
