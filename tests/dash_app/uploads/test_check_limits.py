"""The limits of a check, and the sentences when one is reached."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dash_app.uploads.check_limits import CHECKS_AT_ONCE, WAITING_FILE, CheckLimits, turn, why_it_ended, why_it_failed

LIMITED = """
from dash_app.uploads.check_limits import CheckLimits
CheckLimits(address_space=400 << 20, cpu_seconds=1, wall_seconds=%d, file_size=1 << 20).impose()
%s
"""


def limited(code: str, wall_seconds: int = 300) -> tuple[int, str]:
    """Exit status and stderr of a process that runs `code` within limits."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED % (wall_seconds, code)], check=False, capture_output=True, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.slow
def test_the_kernel_enforces_time_memory_and_file_size(tmp_path: Path) -> None:
    limits = CheckLimits()
    status, _ = limited("while True: pass")
    assert status == -signal.SIGXCPU and "minutes of work" in why_it_ended(status, limits)
    status, _ = limited("import time; time.sleep(20)", wall_seconds=1)
    assert status == -signal.SIGALRM and "took more than 15 minutes" in why_it_ended(status, limits)
    status, error = limited("bytearray(1 << 30)")
    assert status == 1 and "MemoryError" in error and "memory" in why_it_ended(status, limits)
    status, error = limited(f"open({str(tmp_path / 'a')!r}, 'wb').write(bytes(2 << 20))")
    assert status == 1 and "File too large" in error and "of disk" in why_it_failed(OSError(error), limits)


def test_a_check_lets_others_go_first() -> None:
    status, _ = limited("import os; os._exit(os.nice(0))")
    assert status == min(os.nice(0) + 10, 19)


def test_a_full_disk_is_named() -> None:
    assert "disk became full" in why_it_failed(OSError(28, "No space left on device"), CheckLimits())


def test_a_larger_log_may_take_longer() -> None:
    assert CheckLimits.of_size(20 << 30).cpu_seconds > 100 * CheckLimits.of_size(100_000).cpu_seconds


def test_further_checks_wait_for_their_turn(tmp_path: Path) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)
    places = [tmp_path / str(number) for number in range(CHECKS_AT_ONCE + 1)]

    def check(place: Path) -> None:
        place.mkdir()
        with turn(tmp_path, place):
            begun.release()
            release.wait(30)

    threads = [threading.Thread(target=check, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for _ in range(CHECKS_AT_ONCE):
        assert begun.acquire(timeout=30)
    assert not begun.acquire(timeout=0.3)
    assert [(place / WAITING_FILE).exists() for place in places].count(True) == 1
    release.set()
    assert begun.acquire(timeout=30)
    for thread in threads:
        thread.join()
    assert not any((place / WAITING_FILE).exists() for place in places)
