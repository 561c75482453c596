"""Apache Spark as the engine of a run: its session, clear errors when there is none, and assigning users on it.

The only module that starts a session. pyspark is an optional extra and imported only where Spark is requested. What is
computed is defined elsewhere: features in `features/`, assigning users in `segmentation/assignment.py`.
"""

import importlib.util
import os.path
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from grupa_pipeline.segmentation.assignment import Assignment, GroupModel, assign_users

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PORTS = {"spark": 7077, "sc": 15002}
_CONNECT_SECONDS = 5


class SparkUnavailableError(RuntimeError):
    """There is no Spark to compute on; the message says what to do."""


class SparkFailedError(RuntimeError):
    """A computation on Spark failed; the message is the first line of Spark's own."""


def check_available(address: str) -> None:
    """Check at once whether a session on `address` can be opened; Spark itself would try for minutes.

    Raises:
        SparkUnavailableError: pyspark or Java is missing, or nothing answers there.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise SparkUnavailableError(
            f"GRUPA_ENGINE is {address}, but pyspark is not installed; install it with: pip install 'grupa[spark]'"
        )
    # The same two places as Spark's own start script.
    java = shutil.which(os.path.expandvars("$JAVA_HOME/bin/java")) or shutil.which("java")
    if address.startswith("spark:") and java is None:
        raise SparkUnavailableError(
            f"GRUPA_ENGINE is {address}, but there is no Java here; install Java 17 or newer, or set JAVA_HOME."
        )
    scheme, _, servers = address.partition("://")
    for server in servers.split(","):
        url = urlsplit(f"//{server}")
        try:
            socket.create_connection((url.hostname or "", url.port or _PORTS[scheme]), _CONNECT_SECONDS).close()
        except (OSError, ValueError) as error:  # a port beyond 65535 is a ValueError
            problem = error
        else:
            return
    raise SparkUnavailableError(
        f"No Spark answers at {address} ({problem}); start it or correct GRUPA_ENGINE "
        "(GRUPA_ENGINE=duckdb computes on this machine)."
    )


@contextmanager
def session(address: str) -> Iterator["SparkSession"]:
    """This process's session on the cluster at `address`; further calls share it until `stop`.

    Raises:
        SparkUnavailableError: See `check_available`.
        SparkFailedError: What was computed within the block failed.

    Example:
        >>> with session("spark://localhost:7077") as spark:
        ...     spark.range(3).count()
        3
    """
    check_available(address)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        builder = SparkSession.builder.appName("grupa")
        is_connect = address.startswith("sc:")
        builder = builder.remote(address) if is_connect else builder.master(address).config(map=_OWN_SETTINGS)
        yield builder.getOrCreate()
    except (PySparkException, Py4JError) as error:
        message = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SparkFailedError(f"Spark at {address} failed: {message.strip()}") from error


_OWN_SETTINGS: dict[str, bool | float | int | str | None] = {
    "spark.ui.enabled": "false",  # it shows every query to the whole network, without a password
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",  # one row a user is returned: for a million users more than the default
}


def stop() -> None:
    """Stop this process's session, where there is one, so that its cores are free for others."""
    if "pyspark" not in sys.modules:
        return
    from pyspark.sql import SparkSession

    if (running := SparkSession.getActiveSession()) is not None:
        running.stop()


def assign_on_spark(
    address: str, rows: np.ndarray, landmarks: np.ndarray, *, model: GroupModel, xy: np.ndarray, neighbors: int
) -> Assignment:
    """`assign_users` for all rows that are no landmarks, batch by batch on the cluster at `address`."""
    others = np.setdiff1d(np.arange(len(rows)), landmarks)
    known = rows[landmarks]
    among = partial(assign_users, landmarks=np.arange(len(known)), model=model, xy=xy, neighbors=neighbors)
    columns = []
    for of_landmarks in _columns(among(known)):
        column = np.empty((len(rows), *of_landmarks.shape[1:]), of_landmarks.dtype)
        column[landmarks] = of_landmarks
        columns.append(column)
    if len(others):
        batch = partial(_assign_batches, known=known, among=among)
        sent = pa.table([others, *rows[others].T], names=["row", *(f"c{n}" for n in range(rows.shape[1]))])
        with session(address) as spark:
            result = spark.createDataFrame(sent).mapInArrow(batch, _ASSIGNMENT).toArrow()
        at = result["row"].to_numpy()
        for column, name in zip(columns[:4], _NAMES, strict=False):
            column[at] = result[name].to_numpy()
        columns[4][at] = np.column_stack([result["x"].to_numpy(), result["y"].to_numpy()])
    return Assignment(*columns)


_NAMES = ("label", "probability", "other", "other_probability", "x", "y")
_ASSIGNMENT = "row BIGINT, label BIGINT, probability DOUBLE, other BIGINT, other_probability DOUBLE, x DOUBLE, y DOUBLE"


def _columns(assignment: Assignment) -> tuple[np.ndarray, ...]:
    return (
        assignment.labels,
        assignment.probabilities,
        assignment.others,
        assignment.other_probabilities,
        assignment.xy,
    )


def _assign_batches(
    batches: Iterator[pa.RecordBatch], *, known: np.ndarray, among: Callable[[np.ndarray], Assignment]
) -> Iterator[pa.RecordBatch]:
    """Runs on a worker: calls `among` for each batch (row, c0, c1, ...), appended to the landmarks `known`."""
    from threadpoolctl import threadpool_limits

    for batch in batches:
        matrix = np.column_stack([column.to_numpy() for column in batch.columns[1:]])
        with threadpool_limits(1):  # a worker's other cores have tasks of their own
            *columns, xy = _columns(among(np.vstack([known, matrix])))
        new = [column[len(known) :] for column in (*columns, *xy.T)]
        yield pa.RecordBatch.from_arrays([batch.column(0), *map(pa.array, new)], names=["row", *_NAMES])
