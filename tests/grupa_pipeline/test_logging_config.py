import json
import subprocess
import sys

import pytest

from grupa_pipeline.settings import SettingError, Settings

WRITE = """
import logging, sys
from grupa_pipeline.logging_config import configure_logs
configure_logs(sys.argv[1])
logging.getLogger("grupa").info("made %s of %s", 2, "three — four")
logging.getLogger("another").info("not told")
logging.getLogger("another").warning("heard", extra={"path": "/roadmap"})
try:
    raise ValueError("what happened")
except ValueError:
    logging.getLogger("grupa").exception("failed")
"""


def lines_of(log_format):
    ran = subprocess.run([sys.executable, "-c", WRITE, log_format], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_each_line_is_one_object():
    first, second, third = map(json.loads, lines_of("json"))
    assert (first["event"], first["logger"], first["level"]) == ("made 2 of three — four", "grupa", "info")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"], second["path"]) == ("heard", "warning", "/roadmap")
    assert third["event"] == "failed"
    assert "ValueError: what happened" in third["exception"]


def test_text_is_the_message_alone():
    assert lines_of("text")[:2] == ["made 2 of three — four", "heard"]


def test_the_form_is_a_setting():
    assert Settings.from_env({}).log_format == "text"
    assert Settings.from_env({"GRUPA_LOG_FORMAT": " JSON "}).log_format == "json"
    with pytest.raises(SettingError, match=r"GRUPA_LOG_FORMAT is 'xml'; give json or text"):
        Settings.from_env({"GRUPA_LOG_FORMAT": "xml"})


@pytest.mark.slow
def test_a_command_tells_a_wrong_form_in_one_line(tmp_path):
    command = [sys.executable, "-m", "grupa.cli.main", "status", "--warehouse", str(tmp_path)]
    ran = subprocess.run(command, env={"GRUPA_LOG_FORMAT": "xml"}, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
