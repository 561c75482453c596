"""A real `grupa serve` on a warehouse of its own, and what the kernel tells of its processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.reliability import invariants, workers
from grupa.service.process_tree import descendants, is_running
from grupa_pipeline.storage.publication import Publication

START_SECONDS, SNAPSHOT_SECONDS = 300.0, 180.0
_TICKS = os.sysconf("SC_CLK_TCK")


class ServedWarehouse:
    """`grupa serve` on free ports, over a warehouse in `folder`.

    Attributes:
        folder: The warehouse.
        known: SHA-256 of the logs that it has acknowledged.
    """

    def __init__(self, folder: Path, users: int) -> None:
        self.folder, self._users = folder, users
        self.known: list[str] = []
        self._ports = [_free_port(), _free_port()]
        self._log = folder.parent / f"{folder.name}.log"
        self._number = 0
        (folder / "inbox").mkdir(parents=True)
        self.start()

    def start(self) -> None:
        """Start it and wait until both addresses answer."""
        words = ["--warehouse", str(self.folder), "--port", str(self._ports[0]), "--dagster-port", str(self._ports[1])]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("GRUPA_", "DAGSTER_"))}
        offset = len(self.log())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grupa.cli.main", "serve", *words],
                env=env | {"GRUPA_LLM": "none"},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while self.log()[offset:].count("http://127.0.0.1") < 2:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"grupa serve did not start: {self.log()[offset:]}")
            time.sleep(0.2)

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def pids(self) -> dict[int, str]:
        """Its processes and their commands."""
        return {pid: _command(pid) for pid in [self._process.pid, *descendants(self._process.pid)] if is_running(pid)}

    def find(self, pattern: str) -> list[int]:
        """Ids of the processes whose command matches."""
        return [pid for pid, command in self.pids().items() if re.search(pattern, command)]

    def pss_mib(self) -> float:
        """Memory of all processes, what they share counted once."""
        return sum(_pss_kib(pid) for pid in self.pids()) / 1024

    def cpu_seconds(self) -> float:
        """Processor time that its living processes have used."""
        return sum(_cpu_ticks(pid) for pid in self.pids()) / _TICKS

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal; returns the seconds until the last of its processes was gone (at most 60)."""
        pids, began = self.pids(), time.monotonic()
        self._process.send_signal(number)
        while time.monotonic() - began < 60:
            self._process.poll()
            pids |= self.pids() if self._process.returncode is None else {}
            if not any(is_running(pid) for pid in pids):
                break
            time.sleep(0.05)
        return time.monotonic() - began

    def put_log(self) -> Path:
        """Put a new log into the inbox, complete."""
        self._number += 1
        path = workers.small_log(self.folder.parent, self._number, self._users)
        self._newest = workers.sha256_of(path)
        target = self.folder / "inbox" / f"log-{self._number}.csv"
        draft = target.with_name(f".{target.name}")
        draft.write_bytes(path.read_bytes())
        os.utime(draft, (time.time() - 60, time.time() - 60))  # so that its end is certain
        draft.rename(target)
        self._put_at = datetime.now(UTC).replace(tzinfo=None)
        return target

    def await_snapshot(self, seconds: float = SNAPSHOT_SECONDS) -> float | None:
        """Wait until the newest log is in a snapshot; returns the seconds since it was put there, None when it takes too long."""
        while (passed := (datetime.now(UTC).replace(tzinfo=None) - self._put_at).total_seconds()) < seconds:
            if self._has_snapshot():
                self.known.append(self._newest)
                return passed
            time.sleep(0.5)
        return None

    def faults(self) -> list[str]:
        """What is missing of what was acknowledged, or does not open."""
        return invariants.pipeline_faults(self.folder, self.known)

    def _has_snapshot(self) -> bool:
        rows = Publication(self.folder).query(
            """SELECT (SELECT count(*) FROM ingested_files WHERE file_sha256 = ?) AS files,
               (SELECT max(created_at) FROM segmentations) AS newest""",
            [self._newest],
        )
        row = rows.to_pylist()[0] if rows.num_rows else {}
        return bool(row.get("files")) and row["newest"] is not None and row["newest"] > self._put_at


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    return ""


def _pss_kib(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0


def _cpu_ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
