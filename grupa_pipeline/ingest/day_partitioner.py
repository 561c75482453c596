"""Partitions validated events by day, chunk after chunk, in one scratch file.

A log may be in any order, so each chunk of it may hold events of every day. A chunk is dictionary-encoded and split by day,
and each day's share is appended to the scratch file, from where it can be read separately. Memory is bounded by the size of a
chunk. `event_files.py` writes the files of the days.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline.ingest.log_order import LogDirection, LogOrder
from grupa_pipeline.ingest.text_counts import TextCounts
from grupa_pipeline.ingest.timestamp_text import MEANINGLESS, TRIMMED, TRIMMED_ASCII

TEXTS = ("user_id", "action", "metadata")
EVENT_ID = "event_id"
CHUNK_BYTES = 64 << 20
_EPOCH_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class _Share:
    """A day's events in one chunk: its offset in the scratch file and its size in bytes, not dictionary-encoded."""

    offset: int
    size: int


class DayPartitioner:
    """Collects events in any order and returns them day by day.

    Args:
        path: The scratch file, deleted at the end of the `with` block.
        normalize_metadata: Maps distinct metadata texts to their JSON, in the same order; empty for no metadata.
        has_ids: Whether the events have a column event_id, empty for none.

    Attributes:
        user_counts: How many of the added events each user has, after `finish`.
        action_counts: The same of each action.
    """

    def __init__(
        self, path: Path, normalize_metadata: Callable[[pa.Array], pa.Array], *, has_ids: bool = False
    ) -> None:
        self._path, self._normalize_metadata = path, normalize_metadata
        self._texts = (*TEXTS, EVENT_ID) if has_ids else TEXTS
        self._sink = pa.OSFile(str(path), "wb")
        self._thread = ThreadPoolExecutor(1)  # encodes a chunk while the next one is read
        self._encoding: Future[None] | None = None
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0
        self._shares: dict[date, list[_Share]] = {}
        self._order = LogOrder()
        self.user_counts, self.action_counts = TextCounts(), TextCounts()

    def __enter__(self) -> "DayPartitioner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._sink.close()
        self._path.unlink()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add events: day, user_id, timestamp, action, metadata (text) and, where they have ids, event_id; without NULLs."""
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= CHUNK_BYTES:
            self._encode()

    def finish(self) -> None:
        """Write the events still in memory; none can be added afterwards."""
        self._encode()
        if self._encoding is not None:
            self._encoding.result()
        self._sink.close()

    def direction(self) -> LogDirection:
        """Which way the log runs; after `finish`."""
        return self._order.direction()

    def days(self) -> list[date]:
        """The days that have events, in order."""
        return sorted(self._shares)

    def size(self, day: date) -> int:
        """Size of a day's events in bytes, not dictionary-encoded."""
        return sum(share.size for share in self._shares[day])

    def read(self, day: date) -> Iterator[pa.Table]:
        """A day's events in the order of the log, with the columns that were added; texts are dictionary-encoded."""
        with pa.OSFile(str(self._path), "rb") as source:
            for share in self._shares[day]:
                source.seek(share.offset)
                yield pa.ipc.open_stream(source).read_all()

    def _encode(self) -> None:
        if self._encoding is not None:
            self._encoding.result()
        if self._bytes:
            self._encoding = self._thread.submit(self._split_by_day, pa.Table.from_batches(self._batches))
        self._batches, self._bytes = [], 0

    def _split_by_day(self, chunk: pa.Table) -> None:
        days = chunk["day"].cast(pa.int32()).to_numpy()
        order = np.argsort(_small(days - days.min()), kind="stable")
        days = days[order]
        timestamps = chunk["timestamp"].to_numpy()
        encoded = {name: self._encoded(chunk, name) for name in self._texts}
        self._order.add(encoded["user_id"][0], timestamps.astype(np.int64), *encoded["action"])
        self.user_counts.add(*encoded["user_id"])
        self.action_counts.add(*encoded["action"])
        timestamps = timestamps[order]
        encoded = {name: (codes[order], texts) for name, (codes, texts) in encoded.items()}
        starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
        for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
            share = {name: _compact(codes[start:end], texts) for name, (codes, texts) in encoded.items()}
            rows = pa.record_batch({"timestamp": pa.array(timestamps[start:end]), **share})
            offset, day = self._sink.tell(), _EPOCH_DAY + timedelta(days=int(days[start]))
            with pa.ipc.new_stream(self._sink, rows.schema) as writer:
                writer.write_batch(rows)
            self._shares.setdefault(day, []).append(_Share(offset, self._decoded_size(rows)))

    def _encoded(self, chunk: pa.Table, name: str) -> tuple[np.ndarray, pa.Array]:
        chunks = chunk[name].dictionary_encode().chunks  # all share one dictionary
        texts = chunks[0].dictionary
        # Distinct texts that become equal are joined when a day is sorted.
        texts = self._normalize_metadata(texts) if name == "metadata" else _cleaned(texts)
        return np.concatenate([part.indices.to_numpy() for part in chunks]), texts

    def _decoded_size(self, rows: pa.RecordBatch) -> int:
        texts = (rows.column(name) for name in self._texts)
        lengths = [pc.binary_length(column.dictionary).to_numpy()[column.indices.to_numpy()].sum() for column in texts]
        return int(rows.num_rows * 8 + sum(lengths))


def _cleaned(texts: pa.Array) -> pa.Array:
    """User ids, actions or event ids without the blanks around them and what nobody sees in them."""
    if pc.all(pc.string_is_ascii(texts)).as_py():
        return pc.ascii_trim(texts, TRIMMED_ASCII)
    return pc.utf8_trim(pc.replace_substring_regex(texts, MEANINGLESS, ""), TRIMMED)


def _small(numbers: np.ndarray) -> np.ndarray:
    """The same numbers as 16-bit integers if they fit: numpy radix-sorts those."""
    return numbers.astype(np.uint16) if numbers.max() < 1 << 16 else numbers


def _compact(codes: np.ndarray, texts: pa.Array) -> pa.DictionaryArray:
    """A dictionary array of `codes` whose dictionary holds only the texts in use."""
    if len(codes) < len(texts) // 16:
        used, places = np.unique(codes, return_inverse=True)
    else:
        marked = np.zeros(len(texts), dtype=bool)
        marked[codes] = True
        used, places = np.flatnonzero(marked), (np.cumsum(marked, dtype=np.int32) - 1)[codes]
    return pa.DictionaryArray.from_arrays(places.astype(np.int32), texts.take(pa.array(used)))
