import shutil
import subprocess
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.server import report_download
from grupa_pipeline.settings import Settings

HERE = {"Host": "localhost"}


@pytest.fixture(scope="module")
def client(written: Path, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """On a copy: what is downloaded is recorded in the warehouse."""
    folder = shutil.copytree(written, tmp_path_factory.mktemp("reports") / "warehouse", symlinks=True)
    return create_app(Settings(warehouse=folder)).server.test_client()


@pytest.mark.slow
def test_the_report_is_downloaded(client: FlaskClient) -> None:
    response = client.get("/export/report.html?cluster=C01&snapshot=2026-03-09", headers=HERE)
    assert response.status_code == 200 and "Deal closers" in response.text
    assert 'filename="report-C01-2026-03-09.html"' in response.headers["Content-Disposition"]
    assert "Test roadmap" in client.get("/export/report.html?roadmap=1", headers=HERE).text


def test_what_is_not_there_is_not_found_and_lists_what_is(client: FlaskClient) -> None:
    response = client.get("/export/report.html?cluster=C99", headers=HERE)
    assert response.status_code == 404 and "C01 (Deal closers)" in response.text


def test_while_a_report_is_written_others_are_told_to_come_back_at_once(client: FlaskClient) -> None:
    with report_download._AT_ONCE:
        response = client.get("/export/report.html", headers=HERE)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "15")
    assert "Another report is being written" in response.text


@pytest.mark.parametrize("status", [1, 2])
def test_why_a_report_was_not_written_is_in_the_log_and_not_in_the_answer(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    failed = subprocess.CompletedProcess([], status, "", "grupa: GRUPA_REPORT_LOGO is /home/kim/logo.bmp\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    response = client.get("/export/report.html", headers=HERE)
    assert response.status_code == 500 and "could not be written" in response.text
    assert "logo.bmp" not in response.text and "logo.bmp" in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "report.docx",
        "report.html?cluster=--help",
        "report.html?snapshot=--out%20x",
        "report.html?snapshot=2020-01-01",
        "report.html?snapshot=2020-13-01",
    ],
)
def test_nothing_else_reaches_the_command(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.delattr(subprocess, "run")
    assert client.get(f"/export/{address}", headers=HERE).status_code == 404
