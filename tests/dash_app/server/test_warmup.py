import pytest

from dash_app.app import create_app
from dash_app.data import users
from dash_app.data.database import Database
from dash_app.roadmap.store import Roadmap
from dash_app.server import warmup
from dash_app.server.security import pack_script
from dash_app.services import Services
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.warehouse import PIPELINE_FILE


@pytest.mark.slow
def test_what_the_first_page_shows_and_loads_is_ready(services: Services, monkeypatch):
    pack_script.cache_clear()
    asked = []
    monkeypatch.setattr(type(services.database), "query", lambda database, load, *args: asked.append(load))
    monkeypatch.setattr(Services, "snapshot", lambda self, day: type("Shown", (), {"day": day}))
    app = create_app(services.settings)
    warmup.warm_up(app, services)
    assert asked == [users.load_points]
    kept = pack_script.cache_info().currsize
    assert kept >= 10
    client = app.server.test_client()
    headers = {"Host": "localhost", "Accept-Encoding": "gzip"}
    client.get("/plotly.js", headers=headers)
    client.get("/_dash-component-suites/dash_ag_grid/async-community.js", headers=headers)
    assert pack_script.cache_info().currsize == kept


def test_without_a_warehouse_there_is_nothing_to_make_ready(tmp_path):
    """It is not an error: the page itself says what is missing."""
    settings = Settings(warehouse=tmp_path)
    app = create_app(settings)
    warmup.warm_up(app, Services(settings, Database(tmp_path / PIPELINE_FILE), Roadmap(tmp_path), lambda: "local user"))
