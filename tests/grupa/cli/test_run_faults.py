"""`grupa run` on a warehouse that is not well: one sentence, never a traceback."""

import json
from pathlib import Path

import pytest

from grupa.cli import main
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.publication import Publication
from tests.grupa_pipeline.ingested_logs import NOW, log


def test_a_version_that_does_not_open_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publication = Publication(tmp_path / "house")
    ingest_logs(publication, [log(tmp_path / "a.csv", "a,2025-06-01T10:00:00,login")], None, NOW)
    [own] = warehouse.versions(publication.database)
    own.write_bytes(b"x" * 5000)
    for given in ([], [str(tmp_path / "a.csv")]):
        assert main.main(["run", *given, "--json", "--warehouse", str(publication.folder)]) == main.EXIT_FAILED
        said = capsys.readouterr()
        assert "grupa restore" in json.loads(said.out.splitlines()[-1])["error"]
        assert "Traceback" not in said.err
