"""`grupa run` on a damaged warehouse: one sentence, never a traceback."""

import json
from pathlib import Path

import pytest

from grupa.cli import main
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.publication import Publication
from tests.grupa_pipeline.ingested_logs import NOW, log


@pytest.mark.slow
def test_a_damaged_version_is_reported_with_the_command_that_repairs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publication = Publication(tmp_path / "warehouse")
    ingest_logs(publication, [log(tmp_path / "a.csv", "a,2025-06-01T10:00:00,login")], None, NOW)
    [version] = warehouse.versions(publication.database)
    version.write_bytes(b"x" * 5000)
    for files in ([], [str(tmp_path / "a.csv")]):
        assert main.main(["run", *files, "--json", "--warehouse", str(publication.folder)]) == ExitStatus.FAILED
        output = capsys.readouterr()
        assert "grupa restore" in json.loads(output.out.splitlines()[-1])["error"]
        assert "Traceback" not in output.err
