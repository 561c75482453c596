"""The document asks for nothing it could have said itself, and its large scripts can be kept by the browser."""

import gzip
import re

import pytest
from flask.testing import FlaskClient

from dash_app.app import create_app
from dash_app.server.index_page import plotly_script
from grupa_pipeline.settings import Settings

PACKED = {"Host": "localhost", "Accept-Encoding": "gzip"}


@pytest.fixture
def client(folder) -> FlaskClient:
    return create_app(Settings(warehouse=folder)).server.test_client()


@pytest.mark.slow
def test_the_icon_is_no_request_and_what_is_loaded_ahead_is_there(client):
    document = client.get("/").text
    assert re.findall(r'rel="icon" href="(.{15})', document) == ["data:image/svg+"]
    ahead = re.findall(r'rel="preload" [^>]*href="([^"]+)"', document)
    assert len(ahead) == 3
    assert [client.get(each).status_code for each in ahead] == [200, 200, 200]


@pytest.mark.slow
def test_plotly_is_whole_and_kept_by_its_version(client):
    answer = client.get("/plotly.js", headers=PACKED)
    assert gzip.decompress(answer.data) == plotly_script()
    assert answer.data == client.get("/plotly.js", headers=PACKED).data
    assert b"window.Plotly = Plotly;" in plotly_script()[-1000:]
    assert answer.cache_control.max_age == 31_536_000


def test_scripts_without_a_version_are_asked_for_again_and_not_sent_again(client):
    client.get("/")
    path = "/_dash-component-suites/dash/dcc/async-graph.js"
    first = client.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    assert client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


@pytest.mark.slow
def test_pages_are_not_kept(client):
    assert client.get("/_dash-layout").headers["Cache-Control"] == "no-store"
