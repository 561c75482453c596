"""Recomputing a snapshot after the ingested logs changed: what may change and what may not."""

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grupa.cli.run import run
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.maintenance.status import status
from grupa_pipeline.maintenance.withdrawal import withdraw
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.parquet_files import file_key
from grupa_pipeline.storage.publication import Publication
from sample_data.generate import END, write_log

pytestmark = pytest.mark.slow

HEADER = ["user_id", "timestamp", "action", "metadata"]
Rows = Sequence[Sequence[str]]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log's behaviour.csv, its outcomes.csv, those moved.csv by up to a day, and 40 added.csv."""
    folder = tmp_path_factory.mktemp("logs")
    write_log(folder / "whole.csv", users=120, days=28)
    with (folder / "whole.csv").open(encoding="utf-8") as file:
        events = list(csv.reader(file))[1:]
    roles = Roles().assign({event[2] for event in events})
    outcomes, behaviour = (
        [e for e in events if (roles.get(e[2]) in ("goal", "bad_end")) is told] for told in (True, False)
    )
    users = sorted({event[0] for event in events})
    write(folder / "behaviour.csv", behaviour)
    write(folder / "outcomes.csv", outcomes)
    write(folder / "moved.csv", [[user, earlier(at, n % 24), *rest] for n, (user, at, *rest) in enumerate(outcomes)])
    write(folder / "added.csv", [[user, f"{END} 23:00:00", "drop_off", ""] for user in users[:40]])
    return folder


def write(path: Path, events: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *events])


def earlier(timestamp: str, hours: int) -> str:
    return str(datetime.fromisoformat(timestamp) - timedelta(hours=hours))


def labels(settings: Settings, *files: Path) -> dict[str, str | None]:
    """The cluster of each user in the snapshot of the log's last day after `files` were ingested."""
    run(settings, files, as_of=END)
    found = Publication(settings.warehouse).query(
        f"SELECT user_id, cluster_id FROM user_clusters WHERE snapshot_date = '{END}'"
    )
    return dict(zip(*found.to_pydict().values(), strict=True))


def test_outcome_events_change_no_label(logs: Path, tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse")
    before = labels(settings, logs / "behaviour.csv", logs / "outcomes.csv")
    assert {"C01", "C02"} <= set(before.values())
    assert labels(settings, logs / "added.csv") == before
    withdraw(settings, file_key(logs / "outcomes.csv"))
    assert labels(settings) == before, "removed"
    assert labels(settings, logs / "moved.csv") == before
    for number, files in enumerate((["behaviour"], ["behaviour", "moved", "added"])):
        fresh = Settings(warehouse=tmp_path / f"fresh{number}")
        assert labels(fresh, *(logs / f"{name}.csv" for name in files)) == before, files


def test_damaged_files_of_a_snapshot_come_back_when_it_is_made_again(logs: Path, tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse")
    before = labels(settings, logs / "behaviour.csv")
    files = [file for file in Publication(settings.warehouse).published_files() if file.table != "events"]
    for file in files:
        content = bytearray(file.path.read_bytes())
        content[len(content) // 2] ^= 1
        file.path.write_bytes(content)
    text, sound = status(settings, deep=True)
    assert not sound and all(str(file.path) in text for file in files) and f"`grupa run --as-of {END}`" in text
    assert labels(settings) == before
    assert status(settings, deep=True)[1]
