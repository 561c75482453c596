"""A real Spark cluster for tests: a master and two workers on loopback, processes of pyspark's own distribution."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

START_SECONDS = 600
# C1 alone compiles in a tenth of the time, which is most of what small logs take.
FOR_SMALL_LOGS = """
spark.driver.memory 512m
spark.sql.shuffle.partitions 2
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
"""
_QUIET = "rootLogger.level = error\nrootLogger.appenderRef.out.ref = out\n"
_QUIET += "appender.out.type = Console\nappender.out.name = out\nappender.out.target = SYSTEM_ERR\n"


@contextmanager
def spark_cluster(folder: Path, *, memory: str = "512m", settings: str = FOR_SMALL_LOGS) -> Iterator[str]:
    """The address of a cluster that works in `folder` as long as the `with`; skips where there is no Java.

    Each of the two workers has one core and `memory`; `settings` are the lines of spark-defaults.conf.
    """
    if shutil.which("java") is None:
        pytest.skip(
            "no Java on this machine: Spark needs Java 17 or newer (Debian: apt-get install default-jre-headless)"
        )
    home = Path(pytest.importorskip("pyspark").__file__).parent
    (folder / "conf").mkdir()
    (folder / "conf" / "spark-defaults.conf").write_text(f"{settings}\nspark.executor.memory {memory}\n")
    (folder / "conf" / "log4j2.properties").write_text(_QUIET)
    own = {
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    port, page = _free_port(), _free_port()
    address = f"spark://127.0.0.1:{port}"
    loopback = ["--host", "127.0.0.1"]
    worker = ["worker.Worker", *loopback, "--cores", "1", "--memory", memory, "--webui-port", "0", "--work-dir"]
    asked = [
        ["master.Master", *loopback, "--port", str(port), "--webui-port", str(page)],
        *([*worker, str(folder / f"worker{number}"), address] for number in (1, 2)),
    ]
    with pytest.MonkeyPatch.context() as patch, (folder / "daemons.log").open("wb") as log:
        for name, value in own.items():
            patch.setenv(name, value)
        command = str(home / "bin" / "spark-class")
        # A JVM ignores SIGTERM where its parent does: Dagster makes a process do so that was started with SIGINT ignored.
        before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        daemons = [
            subprocess.Popen([command, f"org.apache.spark.deploy.{what[0]}", *what[1:]], stdout=log, stderr=log)
            for what in asked
        ]
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        try:
            _wait_for_workers(page, folder / "daemons.log")
            yield address
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
            for daemon in daemons:
                _end(daemon)


def _end(daemon: subprocess.Popen[bytes]) -> None:
    """It was asked to end; on a busy machine a JVM may not come to it."""
    try:
        daemon.wait(30)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _wait_for_workers(page: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with urlopen(f"http://127.0.0.1:{page}/json/", timeout=5) as answer:
                if json.load(answer)["aliveworkers"] == 2:
                    return
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.2)
    raise TimeoutError(f"Spark did not start within {START_SECONDS} s: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
