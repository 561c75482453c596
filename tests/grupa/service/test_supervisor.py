"""The supervisor with small processes in place of the service's own."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grupa.service import process_tree, supervisor
from grupa.service.supervisor import ServiceProcess, Supervisor

SUPERVISE = """
import logging, os, sys
from pathlib import Path
from grupa.service.supervisor import ServiceProcess, Supervisor
logging.basicConfig(format="%(message)s")
folder = Path(sys.argv[1])
CHILD = '''
import os, signal, subprocess, sys, time
name = sys.argv[1]
def stop(*_):
    open(name + ".ended", "w").write("in order")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
below = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
open(name, "w").write(f"{os.getpid()} {below.pid}")
while True: time.sleep(1)
'''
def command(name): return [sys.executable, "-S", "-c", CHILD, str(folder / name)]
services = [
    ServiceProcess("polite", command("polite"), is_polite=True),
    ServiceProcess("rude", command("rude"), has_worker=True, creates=folder / "rude"),
    ServiceProcess("waiting", command("waiting"), waits_for=folder / "rude", needs=folder / "home"),
]
(folder / "home").mkdir(exist_ok=True)
if len(sys.argv) > 2:
    services.append(ServiceProcess("broken", [sys.executable, "-S", "-c", "raise SystemExit(3)"]))
record = [sys.executable, "-S", "-c", f"open({str(folder / 'recorded')!r}, 'w').close()"]
sys.exit(0 if Supervisor(services, os.environ, record).run() else 1)
"""


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pids(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(each) for each in path.read_text().split()] if path.exists() else []


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", SUPERVISE, str(tmp_path)], stderr=log)
    until(lambda: all(len(pids(tmp_path, name)) == 2 for name in ("polite", "rude", "waiting")))
    yield process
    process.kill()
    process.wait()
    process_tree.kill(all_pids(tmp_path))


def all_pids(folder: Path) -> list[int]:
    return [pid for name in ("polite", "rude", "waiting") for pid in pids(folder, name)]


@pytest.mark.slow
def test_it_starts_again_what_is_killed_and_stops_everything(
    supervised: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    first, worker = pids(tmp_path, "rude")
    os.kill(worker, signal.SIGKILL)  # without its worker a process is of no use
    until(lambda: pids(tmp_path, "rude")[:1] not in ([], [first]))
    os.kill(pids(tmp_path, "waiting")[0], signal.SIGKILL)
    orphan = pids(tmp_path, "waiting")[1]
    until(lambda: not process_tree.is_running(orphan))
    until(lambda: len(pids(tmp_path, "waiting")) == 2 and process_tree.is_running(pids(tmp_path, "waiting")[0]))
    known = all_pids(tmp_path)
    supervised.send_signal(signal.SIGTERM)
    assert supervised.wait(30) == 0
    assert [pid for pid in known if process_tree.is_running(pid)] == []
    assert (tmp_path / "polite.ended").read_text() == "in order"
    assert not (tmp_path / "rude.ended").exists()
    assert (tmp_path / "recorded").exists()
    assert "rude lost its worker process and is started again." in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_what_needs_a_folder_runs_only_while_that_is_there(supervised: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home, known = tmp_path / "home", pids(tmp_path, "waiting")
    home.rename(tmp_path / "away")
    until(lambda: not any(process_tree.is_running(pid) for pid in known))
    time.sleep(2.5)  # it would have been started again
    assert pids(tmp_path, "waiting") == known
    assert not home.exists()
    (tmp_path / "away").rename(home)
    until(lambda: pids(tmp_path, "waiting")[:1] not in ([], known[:1]))
    known = pids(tmp_path, "waiting")
    home.rename(tmp_path / "away")
    home.mkdir()  # another one in its place
    until(lambda: pids(tmp_path, "waiting")[:1] not in ([], known[:1]))
    assert supervised.poll() is None
    assert f"waiting is stopped, because {home} is gone" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_its_children_end_when_it_is_killed(supervised: subprocess.Popen[bytes], tmp_path: Path) -> None:
    known = [pids(tmp_path, name)[0] for name in ("polite", "rude", "waiting")]
    below = [pids(tmp_path, name)[1] for name in ("polite", "rude", "waiting")]
    supervised.kill()
    until(lambda: not any(process_tree.is_running(pid) for pid in known))
    process_tree.kill(below)  # real ones watch the service themselves: `process_identity.end_with`


@pytest.mark.slow
def test_it_gives_up_what_does_not_stay_up_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SUPERVISE, str(tmp_path), "broken"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "broken ended with status 3 and is started again." in done.stderr
    assert "broken ended 3 times" in done.stderr
    assert not any(process_tree.is_running(pid) for pid in all_pids(tmp_path))


def test_once_up_a_process_is_given_more_chances() -> None:
    service = ServiceProcess("any", ["true"])
    service.ends = [0.0] * supervisor.MOST_FAILED_STARTS
    assert service.has_failed()
    service.was_up = True
    assert not service.has_failed()
    service.ends = [0.0] * supervisor.MOST_ENDS
    assert service.has_failed()


@pytest.fixture
def wakes() -> Iterator[socket.socket]:
    before = signal.getsignal(signal.SIGCHLD)
    with supervisor._woken_by_signals() as reads:
        yield reads
        os.close(signal.set_wakeup_fd(-1))
    signal.signal(signal.SIGCHLD, before)


def test_it_wakes_when_a_process_ends(monkeypatch: pytest.MonkeyPatch, wakes: socket.socket) -> None:
    monkeypatch.setattr(supervisor, "_LOOK_SECONDS", 10_000.0)
    for _ in range(2):  # and sleeps again afterwards
        with subprocess.Popen(["true"]) as process:
            Supervisor([], {})._sleep(wakes)
        assert process.returncode == 0
    assert not select.select([wakes], [], [], 0)[0]


def test_a_program_that_a_process_asks_something_is_not_its_worker() -> None:
    with subprocess.Popen(["sleep", "600"]) as asked:
        assert ServiceProcess._find_worker(os.getpid()) != asked.pid
        with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"]) as worker:
            assert process_tree.program(worker.pid) == process_tree.program(os.getpid())
            assert process_tree.program(worker.pid) != process_tree.program(asked.pid)
            worker.kill()
        asked.kill()
    assert process_tree.program(asked.pid) is None
