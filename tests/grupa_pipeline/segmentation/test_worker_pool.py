import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver
from pathlib import Path

import pytest

from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.worker_pool import run_all, run_in_worker, warm_up

TWO = SegmentationConfig(workers=2)

KILLED = """
import os, time
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.worker_pool import run_in_worker
if __name__ == "__main__":
    print(run_in_worker(SegmentationConfig(workers=2), os.getpid), flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_a_single_worker_runs_in_this_process() -> None:
    assert run_in_worker(SegmentationConfig(workers=1), os.getpid) == os.getpid()


def test_jobs_of_a_single_worker_run_here_in_their_order() -> None:
    jobs = [partial(divmod, number, 3) for number in range(5)]
    assert run_all(SegmentationConfig(workers=1), jobs) == [divmod(number, 3) for number in range(5)]
    assert run_all(SegmentationConfig(workers=1), [os.getpid]) == [os.getpid()]
    assert run_all(SegmentationConfig(workers=1), list[partial[int]]()) == []


def test_no_process_is_started_on_a_single_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: pytest.fail("a process was started"))
    warm_up()
    assert run_in_worker(TWO, os.getpid) == os.getpid()


@pytest.mark.slow
def test_a_killed_worker_raises_and_the_next_call_has_new_workers() -> None:
    with pytest.raises(BrokenProcessPool):
        run_in_worker(TWO, os._exit, 1)
    assert run_in_worker(TWO, os.getpid) != os.getpid()


@pytest.mark.slow
def test_jobs_run_in_workers_and_return_in_their_order() -> None:
    jobs = [partial(pow, number, 2) for number in range(12)]
    assert run_all(TWO, jobs) == [number**2 for number in range(12)]
    assert os.getpid() not in run_all(TWO, [os.getpid] * 4)
    with pytest.raises(BrokenProcessPool):
        run_all(TWO, [partial(os._exit, 1)])
    assert run_all(TWO, jobs[:2]) == [0, 1]


@pytest.mark.slow
def test_workers_exit_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = tmp_path / "killed.py"
    code.write_text(KILLED)
    process = subprocess.Popen([sys.executable, str(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    for _ in range(300):
        if not alive(worker):
            return
        time.sleep(0.1)
    raise AssertionError("the worker waits for its next task")


def alive(process: int) -> bool:
    """A zombie, which waits to be reaped, does not count."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
