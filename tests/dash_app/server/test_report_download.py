from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from grupa_pipeline.settings import Settings

HERE = {"Host": "localhost"}


@pytest.fixture(scope="module")
def client(written: Path) -> FlaskClient:
    return create_app(Settings(warehouse=written)).server.test_client()


@pytest.mark.slow
def test_the_report_is_downloaded(client: FlaskClient) -> None:
    response = client.get("/export/report.html?cluster=C01&snapshot=2026-03-09", headers=HERE)
    assert response.status_code == 200 and "Deal closers" in response.text
    assert 'filename="report-C01-2026-03-09.html"' in response.headers["Content-Disposition"]
    assert "Test roadmap" in client.get("/export/report.html?roadmap=1", headers=HERE).text


@pytest.mark.slow
def test_what_is_not_there_is_not_found_and_lists_what_is(client: FlaskClient) -> None:
    response = client.get("/export/report.html?cluster=C99", headers=HERE)
    assert response.status_code == 404 and "C01 (Deal closers)" in response.text


@pytest.mark.parametrize("address", ["report.docx", "report.html?cluster=--help", "report.html?snapshot=--out%20x"])
def test_nothing_else_reaches_the_command(client: FlaskClient, address: str) -> None:
    assert client.get(f"/export/{address}", headers=HERE).status_code == 404
