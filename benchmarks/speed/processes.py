"""Runs a command and samples all its processes: wall time, CPU time and memory, in total and by stage. Linux only."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

INTERVAL = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stage:
    """One part of a command's time; `begin` and `end` are seconds since the epoch."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Cost:
    """Cost of a command or of one of its stages.

    Attributes:
        wall: Seconds.
        cpu: Seconds of CPU of all its processes.
        memory: Bytes: peak of the sum over its processes; shared pages are divided between them.
    """

    wall: float
    cpu: float
    memory: int

    def as_json(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Sample:
    """The state of a command's processes at one moment."""

    at: float
    cpu: float
    memory: int


class FailedCommandError(Exception):
    """The command ended with another status than 0."""


@dataclass(frozen=True)
class WatchedRun:
    """A command that has ended: when it ran, the samples of its processes, and its output."""

    whole: Stage
    samples: tuple[Sample, ...]
    cpu: float
    output: str

    def cost(self, stage: Stage | None = None) -> Cost:
        """Cost of one stage, or of the whole; CPU time of a stage is accurate to a tenth of a second."""
        if stage is None:
            return Cost(self.whole.end - self.whole.begin, self.cpu, max(sample.memory for sample in self.samples))
        within = [sample for sample in self.samples if stage.begin - INTERVAL <= sample.at <= stage.end + INTERVAL]
        spent = self._cpu_until(stage.end) - self._cpu_until(stage.begin)
        return Cost(stage.end - stage.begin, spent, max((sample.memory for sample in within), default=0))

    def _cpu_until(self, moment: float) -> float:
        return max((sample.cpu for sample in self.samples if sample.at <= moment + INTERVAL / 2), default=0.0)


def watch(command: Sequence[str], env: Mapping[str, str], output: Path) -> WatchedRun:
    """Run `command` to its end; its output goes to the file `output`, so that a full pipe never blocks it.

    Raises:
        FailedCommandError: It ended with another status than 0.
    """
    begin = time.time()
    with output.open("w") as printed:
        process = subprocess.Popen(
            command, env=dict(env), stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
        )
        samples: list[Sample] = [Sample(begin, 0.0, 0)]
        over = threading.Event()
        watcher = threading.Thread(target=_sample_until, args=(over, process.pid, samples))
        watcher.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:  # such as an interrupt: end the started processes too
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            over.set()
            watcher.join()
    text = output.read_text(errors="replace")
    if status:
        raise FailedCommandError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}:\n{text[-2000:]}")
    process.returncode = 0  # wait4 has reaped it
    cpu = max(used.ru_utime + used.ru_stime, samples[-1].cpu)
    return WatchedRun(Stage("whole", begin, time.time()), tuple(samples), cpu, text)


def _sample_until(over: threading.Event, session: int, samples: list[Sample]) -> None:
    spent: dict[int, float] = {}
    while not over.is_set():
        memory = 0
        for pid, cpu, resident in _processes(session):
            spent[pid], memory = cpu, memory + resident
        samples.append(Sample(time.time(), sum(spent.values()), memory))
        over.wait(INTERVAL)


def _processes(session: int) -> list[tuple[int, float, int]]:
    """(pid, seconds of CPU, bytes of memory) of every process of `session`: /proc/PID/stat, and `Pss` of smaps_rollup, which
    counts a page that processes share once in all of them together; see proc(5).
    """
    processes = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                own = Path(entry.path, "smaps_rollup").read_text().partition("\nPss:")[2].split()
                processes.append((int(entry.name), (int(fields[11]) + int(fields[12])) / _TICKS, int(own[0]) * 1024))
        except (OSError, IndexError):  # it has ended
            continue
    return processes
