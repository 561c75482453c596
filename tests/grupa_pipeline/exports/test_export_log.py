import logging
import os
from datetime import date
from pathlib import Path

import pytest

from grupa_pipeline.exports import export_log
from grupa_pipeline.exports.export_log import ExportEntry, ExportPlace

DOWNLOAD = ExportEntry("C01", date(2026, 3, 9), date(2026, 3, 8), "csv", None, ExportPlace.DOWNLOAD, by="ann")


def test_an_entry_comes_back_as_it_was_recorded(tmp_path: Path) -> None:
    export_log.add(tmp_path, DOWNLOAD)
    [found], unreadable = export_log.entries(tmp_path)
    assert (found.kind, found.by, found.place, found.day, found.since) == (
        ExportPlace.DOWNLOAD,
        "ann",
        "",
        DOWNLOAD.day,
        DOWNLOAD.since,
    )
    assert found.at is not None and unreadable == []


def test_a_cut_line_costs_no_other_entry_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "exports" / export_log.LOG
    export_log.add(tmp_path, DOWNLOAD)
    path.write_bytes(path.read_bytes() + path.read_bytes()[:40])  # what a crash leaves
    export_log.add(tmp_path, DOWNLOAD)
    with path.open("a") as file:
        file.write('[]\n{"segment_id": "C01"}\n')
    with caplog.at_level(logging.WARNING):
        found, unreadable = export_log.entries(tmp_path)
    assert len(found) == 2 and unreadable == [2, 4, 5]
    assert f"{path}, line 2, cannot be read" in caplog.text


def test_an_entry_is_on_disk_when_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    export_log.add(tmp_path, DOWNLOAD)
    assert sizes == [(tmp_path / "exports" / export_log.LOG).stat().st_size]
