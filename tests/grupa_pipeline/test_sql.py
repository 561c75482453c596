import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from grupa_pipeline.sql import exactly, from_pattern, pattern, quoted


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a[1].csv", "a?.csv", "a*.csv", "it's.csv", "[a]{b}.csv"])
def test_a_name_stands_for_that_file_alone(tmp_path, name):
    (tmp_path / "a1.csv").write_text("other")
    (tmp_path / name).write_text("this")
    assert duckdb.connect().execute(f"SELECT content FROM read_text({exactly(tmp_path / name)})").fetchall() == [
        ("this",)
    ]


@pytest.mark.parametrize("name", ["a[1]*", "[[]", "[?]", "]["])
def test_a_pattern_tells_the_path_it_was_made_of(name):
    assert from_pattern(pattern(Path("folder", name))) == Path("folder", name)


def test_a_literal_gives_back_its_text():
    text = "it's; --"
    assert duckdb.connect().execute(f"SELECT {quoted(text)}").fetchall() == [(text,)]


@pytest.mark.slow
def test_a_session_draws_no_progress_bar_where_the_process_has_no_script():
    code = (
        "from grupa_pipeline.sql import open_duckdb\n"
        "con = open_duckdb()\n"
        "print(con.execute(\"SELECT current_setting('enable_progress_bar')\").fetchone()[0])"
    )
    command = [sys.executable, "-c", code]  # without a file, as the processes that Dagster starts for runs
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"
