"""The sample log with its true kinds, generated once per session."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sample_data.generate import write_log


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with log.csv and labels.csv of the sample log as `make demo` writes it."""
    folder = tmp_path_factory.mktemp("sample")
    write_log(folder / "log.csv", labels=folder / "labels.csv")
    return folder


@pytest.fixture(scope="session")
def log(sample: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The sample log in memory: `event` (with kind, proposal, feature) and `person` (user_id, kind, events, visits)."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(
        f"""CREATE TABLE event AS SELECT *, metadata->>'proposal_id' AS proposal, metadata->>'feature' AS feature
        FROM read_csv('{sample}/log.csv', types={{'timestamp': 'TIMESTAMPTZ', 'metadata': 'JSON'}}) AS e
        JOIN read_csv('{sample}/labels.csv') AS l USING (user_id)"""
    )
    con.execute(
        """CREATE TABLE person AS SELECT user_id, any_value(kind) AS kind, count(*) AS events,
        count(*) FILTER (action = 'login') AS visits FROM event GROUP BY user_id"""
    )
    yield con
    con.close()
