"""How the app reads the warehouse: one question at a time, answers kept while the published version is the same.

Holds no SQL and knows no table; the modules beside it hold the questions.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import duckdb

from grupa_pipeline.storage import warehouse

P = ParamSpec("P")
T = TypeVar("T")

_KEPT_ANSWERS = 64


class Gate:
    """Reads one database file; may be shared between threads.

    Attributes:
        database: Path of the link to the published version.
    """

    def __init__(self, database: Path) -> None:
        self.database = database
        self._answers: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._guard = threading.Lock()

    def version(self) -> str | None:
        """Name of the published version; None when nothing has been published."""
        return warehouse.version(self.database)

    def ask(
        self, question: Callable[Concatenate[duckdb.DuckDBPyConnection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Answer `question(con, *args)` from the published version, or from memory if it was asked of this one before.

        Arguments must be hashable and answers must not be changed by whoever gets them.

        Raises:
            NoWarehouseError: Nothing has been published.
            DamagedWarehouseError: The published version does not open.
        """
        key = (self.version(), question, args, tuple(sorted(kwargs.items())))
        with self._guard:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        with warehouse.read(self.database) as con:
            answer = question(con, *args, **kwargs)
        with self._guard:
            self._answers[key] = answer
            while len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def ask_afresh(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Answer a question whose answer is too large, or too rarely wanted, to keep."""
        with warehouse.read(self.database) as con:
            return question(con)
