"""Counts of the texts of a column, added up over the chunks of a log."""

import numpy as np
import pyarrow as pa

_MERGED_ROWS = 1 << 20


class TextCounts:
    """Counts how often each text of a column occurs, chunk by chunk."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []

    def add(self, codes: np.ndarray, texts: pa.Array) -> None:
        """Add a chunk: the position of each row's text among `texts`, which may repeat."""
        self._parts.append(pa.table({"text": texts, "n": np.bincount(codes, minlength=len(texts))}))
        if sum(map(len, self._parts)) > 2 * len(self._parts[0]) + _MERGED_ROWS:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """The columns text, n: a row a text."""
        if not self._parts:
            return pa.table({"text": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
        counts = pa.concat_tables(self._parts).group_by("text").aggregate([("n", "sum")])
        return counts.rename_columns({"n_sum": "n"}).select(["text", "n"])
