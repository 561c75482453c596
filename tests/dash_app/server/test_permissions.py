"""Every callback and route of the app has a declared role, and nobody without it gets through."""

import json
import re
import shutil
from pathlib import Path

import pytest
from dash import html

from dash_app.app import create_app
from dash_app.components import events, uploads
from dash_app.data.event_catalog import Event
from dash_app.pages import roadmap as roadmap_page
from dash_app.server.guarded_dash import GuardedDash, permitted
from grupa_pipeline.auth import permissions
from grupa_pipeline.event_catalog.roles import Product
from grupa_pipeline.settings import Settings
from grupa_pipeline.vocabulary.enums import Role, RoleSource, UserRole
from tests.dash_app.planning.plans import a_plan
from tests.dash_app.trees import text

PROXY = {"X-Grupa-Proxy-Secret": "s", "Host": "grupa.example.com"}
DISPATCH = "/_dash-update-component"


@pytest.fixture(scope="module")
def app(written: Path, tmp_path_factory: pytest.TempPathFactory) -> GuardedDash:
    """The app behind a proxy whose groups are the roles, so that a test may be anybody."""
    groups = {role.value: role for role in UserRole}
    folder = shutil.copytree(written, tmp_path_factory.mktemp("permissions") / "warehouse", symlinks=True)
    settings = Settings(
        warehouse=folder, trust_proxy=True, proxy_secret="s", hosts=("grupa.example.com",), proxy_groups=groups
    )
    made = create_app(settings)
    assert isinstance(made, GuardedDash)
    return made


def as_role(role: UserRole) -> dict[str, str]:
    return {**PROXY, "X-Forwarded-User": f"a {role}", "X-Forwarded-Groups": role.value}


def test_every_callback_has_a_declared_role(app: GuardedDash) -> None:
    runs_here = {key for key, callback in app.callback_map.items() if "callback" in callback}
    assert set(app.callback_names) == runs_here
    undeclared = set(app.callback_names.values()) - set(permissions.CALLBACKS)
    assert not undeclared, (
        f"These callbacks have no role, so only an admin may use them: {sorted(undeclared)}. Add a line for each to CALLBACKS "
        "in grupa_pipeline/auth/permissions.py: VIEWER where it only reads, else who may make the change."
    )
    gone = set(permissions.CALLBACKS) - set(app.callback_names.values())
    assert not gone, f"These callbacks are declared in permissions.CALLBACKS and are not registered: {sorted(gone)}."


def test_every_route_has_a_declared_role(app: GuardedDash) -> None:
    app.server.test_client().get("/healthz")
    undeclared = {rule.endpoint for rule in app.server.url_map.iter_rules()} - set(permissions.ROUTES)
    assert not undeclared, (
        f"These routes have no role: {sorted(undeclared)}. Add a line for each endpoint to ROUTES in "
        "grupa_pipeline/auth/permissions.py: VIEWER where it only reads, else who may make the change."
    )


@pytest.mark.parametrize("role", UserRole)
def test_no_callback_runs_without_its_role(app: GuardedDash, role: UserRole, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.server.test_client()
    # What a callback does with nonsense does not matter here: only whether it was reached.
    monkeypatch.setattr("dash_app.app.log.error", lambda *_, **__: None)
    for key, name in app.callback_names.items():
        status = client.post(DISPATCH, data=body(app, key), content_type="application/json", headers=as_role(role))
        expected = role.may(permissions.callback_role(name))
        assert (status.status_code != 403) == expected, (name, role, status.status_code)


def body(app: GuardedDash, key: str) -> str:
    """A call of a callback as the browser sends it, with nothing in its fields."""
    callback = app.callback_map[key]
    outputs = callback["output"]
    several = isinstance(outputs, list | tuple)
    listed = (
        [{"id": each.component_id_str(), "property": each.component_property} for each in outputs]
        if several
        else {
            "id": outputs.component_id_str(),
            "property": outputs.component_property,
        }
    )
    values = {
        kind: [[] if "ALL" in each["id"] else {**each, "value": None} for each in callback[kind]]
        for kind in ("inputs", "state")
    }
    return json.dumps({"output": key, "outputs": listed, "changedPropIds": [], **values})


@pytest.mark.parametrize("role", UserRole)
def test_no_route_answers_without_its_role(app: GuardedDash, role: UserRole) -> None:
    client = app.server.test_client()
    for rule in app.server.url_map.iter_rules():
        for method in rule.methods or ():
            needed = permissions.route_role(rule.endpoint, method)
            if rule.endpoint == "healthz" or role.may(needed):
                continue
            path = re.sub(r"<[^>]+>", "x", rule.rule)
            answer = client.open(path, method=method, json={}, headers=as_role(role))
            if rule.endpoint in permissions.TOKEN_ONLY:  # whoever signed in, whatever their role; see test_tokens.py
                assert answer.status_code == 401
                continue
            assert (answer.status_code, answer.headers["X-Grupa-Needs-Role"]) == (403, needed), (method, path)


def test_a_route_that_nobody_declared_is_an_admins_unless_it_reads() -> None:
    assert permissions.route_role("new", "GET") == UserRole.VIEWER
    assert permissions.route_role("new", "POST") == permissions.callback_role("new.save") == UserRole.ADMIN
    assert permissions.mutation_role("new") == UserRole.ADMIN


def test_a_role_takes_effect_with_the_next_request(app: GuardedDash) -> None:
    client = app.server.test_client()
    announce = {"path": "/uploads", "method": "POST", "json": {"name": "x.csv", "size": 1}}
    assert client.open(**announce, headers=as_role(UserRole.PLANNER)).status_code == 403
    assert client.open(**announce, headers=as_role(UserRole.OPERATOR)).status_code == 200


def test_whoever_is_in_no_group_with_a_role_does_not_come_in(app: GuardedDash) -> None:
    headers = {**PROXY, "X-Forwarded-User": "kim", "X-Forwarded-Groups": "staff, Admin"}
    assert app.server.test_client().get("/news", headers=headers).status_code == 401


def test_without_sign_in_the_local_user_is_an_admin(folder: Path) -> None:
    client = create_app(Settings(warehouse=folder)).server.test_client()
    assert client.post("/uploads", json={"name": "x.csv", "size": 1}).status_code == 200


def ids(tree: object) -> str:
    return re.sub(r"\s+", " ", repr(tree))


def test_a_viewer_sees_plans_and_no_way_to_change_them(services) -> None:
    services.roadmap.add(a_plan(), "kim")
    shown = permitted(roadmap_page.build(services, services.snapshot(None), None), UserRole.VIEWER)
    assert "Duplicate" not in text(shown)
    assert "Open" in text(shown)
    assert "to edit it" not in text(shown)
    assert "'editable': True" not in ids(shown)
    assert "draggable='true'" not in ids(shown)
    moves = [each for each in shown._traverse() if "'move'" in str(getattr(each, "id", ""))]
    assert moves
    assert all(each.disabled for each in moves)


def test_a_viewer_sees_what_actions_mean_and_changes_nothing() -> None:
    event = Event(
        key="k",
        action="order_paid",
        label="Order paid",
        meaning=None,
        role=Role.STEP,
        decided_by="user",
        source=RoleSource.NAME,
        reason="",
        users=3,
        events=4,
        bars=(1, 2),
        proposed_role=Role.GOAL,
        proposed_by="model",
        proposal_reason=None,
        is_pending=False,
    )
    page = html.Div([events.event_list([event], ""), events.product_form(Product(description="A shop"))])
    assert "Make it" in text(page)
    shown = permitted(page, UserRole.PLANNER)
    assert "Make it" not in text(shown)
    assert "Save" not in text(shown)
    fields = [each for each in shown._traverse() if "event-role" in str(getattr(each, "id", ""))]
    assert [each.disabled for each in fields] == [True]


def test_who_may_not_bring_in_logs_sees_no_place_to_drop_them() -> None:
    assert "Drop a log" not in text(permitted(uploads.drop_zone(), UserRole.PLANNER))
    assert "Drop a log" in text(permitted(uploads.drop_zone(), UserRole.OPERATOR))


def test_what_a_store_keeps_for_the_browser_is_permitted_too() -> None:
    button = html.Button("Rename", id={"type": "show", "what": "rename", "of": "C01", "at": "head"})
    kept = html.Div([html.Span("a"), button])
    panels = {"C01": {"children": [kept]}}
    assert "Rename" not in ids(permitted(panels, UserRole.VIEWER))
    button = html.Button("Numbers", id={"type": "show", "what": "evidence", "of": "C01", "at": "head"})
    assert "Numbers" in ids(permitted({"C01": [button]}, UserRole.VIEWER))
