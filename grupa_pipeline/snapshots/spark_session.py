"""Apache Spark as the engine of a run: its session, what a person is told when there is none, and placing users on it.

The only module that starts a session. pyspark is an optional extra and imported only where Spark was asked for. What is
computed is defined elsewhere: features in `features/`, placing in `segmentation/placing.py`.
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

from grupa_pipeline.segmentation.assignment import Placed, place
from grupa_pipeline.segmentation.grid import Fit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PORTS = {"spark": 7077, "sc": 15002}
_ANSWER_SECONDS = 5


class SparkUnavailableError(RuntimeError):
    """There is no Spark to compute on; the message is a sentence that says what to do."""


class SparkFailedError(RuntimeError):
    """Spark gave up on what it was asked to compute; the message is one line of what it said."""


def check_available(address: str) -> None:
    """Find out at once whether a session on `address` can be had, rather than after the minutes that Spark tries.

    Raises:
        SparkUnavailableError: pyspark or Java is missing, or nobody answers there.
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
            socket.create_connection((url.hostname or "", url.port or _PORTS[scheme]), _ANSWER_SECONDS).close()
        except (OSError, ValueError) as error:  # a port beyond 65535 is a ValueError
            problem = error
        else:
            return
    raise SparkUnavailableError(
        f"No Spark answers at {address} ({problem}); start it or mend GRUPA_ENGINE "
        "(GRUPA_ENGINE=duckdb computes on this machine)."
    )


@contextmanager
def session(address: str) -> Iterator["SparkSession"]:
    """This process's session on the cluster at `address`; further calls share it until `stop`.

    Raises:
        SparkUnavailableError: See `check_available`.
        SparkFailedError: What was computed within failed.
    """
    check_available(address)
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        where = SparkSession.builder.appName("grupa")
        where = where.remote(address) if address.startswith("sc:") else where.master(address).config(map=_OWN_SETTINGS)
        yield where.getOrCreate()
    except (PySparkException, Py4JError) as error:
        told = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SparkFailedError(f"Spark at {address} failed: {told.strip()}") from error


_OWN_SETTINGS: dict[str, bool | float | int | str | None] = {
    "spark.ui.enabled": "false",  # a page of every query, for everyone on the network and without a password
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",  # a row a user comes back, which for a million users is beyond the default
}


def stop() -> None:
    """End this process's session, where there is one, so that its cores are free for others."""
    if "pyspark" not in sys.modules:
        return
    from pyspark.sql import SparkSession

    if (running := SparkSession.getActiveSession()) is not None:
        running.stop()


def place_on_spark(
    address: str,
    rows: np.ndarray,
    landmarks: np.ndarray,
    *,
    axes: np.ndarray,
    fit: Fit,
    xy: np.ndarray,
    neighbors: int,
) -> Placed:
    """`place`, of all rows that are no landmarks, batch by batch on the cluster at `address`."""
    others = np.setdiff1d(np.arange(len(rows)), landmarks)
    known = rows[landmarks]
    among = partial(place, landmarks=np.arange(len(known)), axes=axes, fit=fit, xy=xy, neighbors=neighbors)
    placed = among(known)
    labels, strengths, places = np.full(len(rows), -1), np.zeros(len(rows)), np.empty((len(rows), 2))
    labels[landmarks], strengths[landmarks], places[landmarks] = placed.labels, placed.strengths, placed.xy
    if len(others):
        batch = partial(_place_batches, known=known, among=among)
        sent = pa.table([others, *rows[others].T], names=["row", *(f"c{n}" for n in range(rows.shape[1]))])
        with session(address) as spark:
            found = spark.createDataFrame(sent).mapInArrow(batch, _PLACED).toArrow()
        at = found["row"].to_numpy()
        labels[at], strengths[at] = found["label"].to_numpy(), found["strength"].to_numpy()
        places[at] = np.column_stack([found["x"].to_numpy(), found["y"].to_numpy()])
    return Placed(labels, strengths, places)


_PLACED = "row BIGINT, label BIGINT, strength DOUBLE, x DOUBLE, y DOUBLE"


def _place_batches(
    batches: Iterator[pa.RecordBatch], *, known: np.ndarray, among: Callable[[np.ndarray], Placed]
) -> Iterator[pa.RecordBatch]:
    """Runs on a worker: `place` of each batch (row, c0, c1, ...) behind the landmarks `known`, as `among` has it."""
    from threadpoolctl import threadpool_limits

    for batch in batches:
        matrix = np.column_stack([column.to_numpy() for column in batch.columns[1:]])
        with threadpool_limits(1):  # a worker's other cores have tasks of their own
            placed = among(np.vstack([known, matrix]))
        new = slice(len(known), None)
        columns = [placed.labels[new], placed.strengths[new], *placed.xy[new].T]
        names = ["label", "strength", "x", "y"]
        yield pa.RecordBatch.from_arrays([batch.column(0), *map(pa.array, columns)], names=["row", *names])
