"""Secrets of the environment stand nowhere: not in a table, a file of Dagster's, a log, or what is printed when all goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from sample_data.generate import write_log
from tests import ROOT

pytestmark = pytest.mark.slow

SECRETS = {
    "OPENAI_API_KEY": "sk-live-hush-openai-4711",
    "ANTHROPIC_API_KEY": "sk-ant-hush-anthropic-4712",
    # Nobody listens there, so that every call fails and is written down as failed.
    "OPENAI_BASE_URL": "http://proxy:hush-password-4713@127.0.0.1:9/v1",
    "GRUPA_WEBHOOK": "http://127.0.0.1:9/hooks/hush-token-4714",
    "GRUPA_DIGEST_URLS": "json://hush-digest-4715@127.0.0.1:9/hooks",
}
MARKS = ("hush-openai-4711", "hush-anthropic-4712", "hush-password-4713", "hush-token-4714", "hush-digest-4715")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A warehouse made with the secrets set, by a run that is refused and one whose model never answers; what they printed."""
    folder = tmp_path_factory.mktemp("secrets")
    write_log(folder / "log.csv", users=120)
    (folder / "broken.csv").write_text("nothing,of,the,kind\n1,2,3,4\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GRUPA_WAREHOUSE": str(folder / "warehouse")} | SECRETS
    printed = ""
    for log, status in (("broken.csv", 2), ("log.csv", 0)):
        command = [sys.executable, "-m", "grupa.cli.main", "run", str(folder / log), "--json"]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        printed += done.stdout + done.stderr
    return folder / "warehouse", printed


def test_a_model_was_asked_in_vain_so_that_errors_are_there_to_be_read(warehouse):
    with duckdb.connect(str(warehouse[0] / "grupa.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM llm_calls WHERE error IS NOT NULL").fetchone()[0] > 0


def test_nothing_that_is_printed_holds_one(warehouse):
    assert [mark for mark in MARKS if mark in warehouse[1]] == []


def test_no_table_holds_one(warehouse):
    with duckdb.connect(str(warehouse[0] / "grupa.duckdb"), read_only=True) as con:
        for (table,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall():
            rows = str(con.execute(f'SELECT * FROM "{table}"').fetchall())
            assert [mark for mark in MARKS if mark in rows] == [], table


def test_no_file_holds_one_dagsters_events_among_them(warehouse):
    files = [path for path in warehouse[0].rglob("*") if path.is_file()]
    assert any(".dagster" in path.parts and path.suffix == ".db" for path in files)
    assert [(path, mark) for path in files for mark in MARKS if mark.encode() in path.read_bytes()] == []
