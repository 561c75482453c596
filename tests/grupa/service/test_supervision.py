"""The process that `grupa serve` becomes, with a small process in place of the service's own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grupa.service.supervision import as_json, from_json
from grupa.service.supervisor import ServiceProcess
from grupa_pipeline.storage import file_lock

SERVE = """
import os, sys
from pathlib import Path
from grupa.service.supervision import become_supervisor
from grupa.service.supervisor import ServiceProcess
from grupa_pipeline.storage import file_lock
folder = Path(sys.argv[1])
child = f"import os, time; open({str(folder / 'child')!r}, 'w').write(str(dict(os.environ))); time.sleep(600)"
with file_lock.lock(folder / "lock", purpose="the test") as held:
    services = [ServiceProcess("any", [sys.executable, "-S", "-c", child], needs=folder)]
    become_supervisor(services, os.environ, [sys.executable, "-S", "-c", "pass"], held, "text")
"""


def test_a_service_is_described_whole(tmp_path: Path) -> None:
    service = ServiceProcess("any", ["true"], "http://127.0.0.1:1", creates=tmp_path, has_worker=True, needs=tmp_path)
    assert from_json(as_json(service)) == service


@pytest.mark.slow
def test_it_is_the_same_process_and_holds_the_lock_until_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE, str(tmp_path)]) as process:
        while not (tmp_path / "child").exists() and process.poll() is None:
            time.sleep(0.05)
        assert "supervision" in Path(f"/proc/{process.pid}/cmdline").read_text()
        assert not file_lock.is_free(tmp_path / "lock")
        assert f"process {process.pid} " in (tmp_path / "lock").read_text()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait() == 0
    assert "SUPERVISED_SERVICE" not in (tmp_path / "child").read_text()
    assert file_lock.is_free(tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == "", "the next start need not wait for what a killed one left"
