"""The log files in what a person names: a file itself, or the members of a folder or ZIP archive, unpacked.

Members are named `archive/member`. Hidden members are passed over; others that are no log by their names are left out and told.
"""

import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.reading_options import ReadingOptions, is_options_file, options_beside
from grupa_pipeline.ingest.source import BLOCK, ZIP

_ENDING = re.compile(r"(?i)\.((csv|tsv|tab|txt|log|json|jsonl|ndjson|parquet|pq)(\.(gz|zst|zstd))?|gz|zst|zstd|zip)$")
LOG_ENDINGS_WORDS = ".csv, .tsv, .json, .jsonl or .parquet (also with .gz or .zst), or .zip"
"""The endings of logs, for people."""
_ABOUT = re.compile(r"(?i)(read[ _-]?me|licen[cs]e|notice|changelog|data[ _-]?dictionary)\b[^.]*(\.(txt|log))?$")
"""Names of texts about the logs beside them."""
_UNREADABLE = (
    zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError, zlib.error, lzma.LZMAError,
)  # fmt: skip
_MOST_MEMBERS = 10_000
_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 250  # as for gzip


@dataclass(frozen=True)
class FoundLog:
    """One log file to read.

    Attributes:
        path: Where its bytes are.
        name: What people call it: its file name, or `archive/member`.
        options: How it is read, as the files beside it or its archive say.
        notes: Sentences about what was left out beside it.
    """

    path: Path
    name: str
    options: ReadingOptions
    notes: tuple[str, ...] = field(default=())


def has_log_ending(name: str) -> bool:
    """Whether a file of this name is a log by its ending; the content tells the format."""
    return _ENDING.search(name) is not None


def split_ending(name: str) -> tuple[str, str]:
    """The name of a log without its ending, and the ending with its dot, which is empty where it is none of a log.

    Example:
        >>> split_ending("march.csv.gz")
        ('march', '.csv.gz')
    """
    match = _ENDING.search(name)
    return (name[: match.start()], match[0]) if match else (name, "")


def find_log_files(path: Path, scratch: Path) -> list[FoundLog]:
    """The logs in `path`, a file, folder or ZIP archive; members of an archive are unpacked into `scratch`, an empty folder.

    Raises:
        UnusableFileError: The archive is damaged or locked, holds no log or unpacks too far; or a file of options is wrong.
    """
    options = options_beside(path)
    if path.is_dir():
        return _members(path, sorted(_files(path)), path.name, options)
    if not _is_zip(path):
        return [FoundLog(path, path.name, options)]
    _unpack(path, scratch)
    return _members(scratch, sorted(_files(scratch)), path.name, options)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == ZIP
    except OSError:
        return False  # `source.scan` says why it cannot be read


def _members(root: Path, paths: Sequence[Path], archive: str, options: ReadingOptions) -> list[FoundLog]:
    names = {path: path.relative_to(root).as_posix() for path in paths}
    shown = {path: name for path, name in names.items() if not _is_hidden(name) and not is_options_file(name)}
    logs = [
        path
        for path in shown
        if (has_log_ending(path.name) or "." not in path.name)  # such as part-00000
        and not _ABOUT.match(path.name)
    ]
    left_out = [shown[path] for path in shown if path not in logs]
    if not logs:
        listed = f" (only {', '.join(left_out[:5])})" if left_out else ""
        raise UnusableFileError(archive, f"it holds no log{listed}; put CSV, TSV, JSON lines or Parquet files into it.")
    notes = (
        f"{archive}: left out {', '.join(left_out[:5])}{' and more' if len(left_out) > 5 else ''}: no logs by their names.",
    )
    return [
        FoundLog(
            path,
            f"{archive}/{names[path]}",
            options_beside(path).over(options),
            notes if left_out and path is logs[0] else (),
        )
        for path in logs
    ]


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) or part == "_SUCCESS" for part in name.split("/"))


def _unpack(path: Path, folder: Path) -> None:
    """Unpack a ZIP archive into `folder`; its members may be nowhere else.

    Raises:
        UnusableFileError: It is damaged, locked or a workbook, or unpacks too far.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _require_logs(path, members)
            for member in members:
                if not _is_hidden(member.filename):
                    _extract(archive, member, folder)
    except _UNREADABLE as error:
        raise UnusableFileError(
            path.name, f"its ZIP data cannot be read ({error}); export or copy it again."
        ) from error


def _require_logs(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    if any(member.filename == "[Content_Types].xml" for member in members):
        problem = "it is an Excel workbook or another Office file, no log; export or unpack it to CSV."
        raise UnusableFileError(path.name, problem)
    if len(members) > _MOST_MEMBERS:
        raise UnusableFileError(path.name, f"it holds more than {_MOST_MEMBERS:,} files; unpack it into folders first.")
    if any(member.flag_bits & 1 for member in members):
        raise UnusableFileError(path.name, "it is locked with a password; unpack it first.")
    size, packed = (sum(getattr(member, name) for member in members) for name in ("file_size", "compress_size"))
    if size > _BOMB_BYTES and size > _BOMB_RATIO * packed:
        problem = (
            f"it unpacks to more than {_BOMB_RATIO} times its size, unlike any log; if it is one, unpack it first."
        )
        raise UnusableFileError(path.name, problem)


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    parts = [part for part in member.filename.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts:
        return
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, BLOCK)
