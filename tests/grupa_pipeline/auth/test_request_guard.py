"""The rules on a request that the app and the guard of Dagster's UI share."""

import pytest

from grupa_pipeline.auth.request_guard import MAX_BODY_BYTES, RequestHead, RequestPolicy, check_request, split_host

OWN = {"host": "localhost:8050"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
APP = RequestPolicy(allows_links=True, upload_prefix="/uploads/")
DAGSTER = RequestPolicy(port=8050, json_only=True, form_paths=frozenset({"/sign-in"}))


def status(policy: RequestPolicy, method: str = "GET", path: str = "/", **headers: str) -> int | None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = check_request(RequestHead(method, path, OWN | names), policy)
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("localhost:8050", "localhost", 8050),
        ("[::1]:8050", "::1", 8050),
        ("EVIL.example", "evil.example", None),
        ("", "", None),
        ("localhost@evil.example", "", None),
        ("127.0.0.1:8050,evil.example", "", None),
        ("x y", "", None),
        ("[::1", "", None),
    ],
)
def test_split_host(host: str, name: str, port: int | None) -> None:
    assert split_host(host) == (name, port)


@pytest.mark.parametrize("policy", [APP, DAGSTER], ids=["app", "dagster"])
def test_both_servers_refuse_the_same_requests(policy: RequestPolicy) -> None:
    json = {"content_type": "application/json"}
    assert status(policy) is None
    assert status(policy, "POST", **json) is None
    assert status(policy, host="evil.example") == 421
    assert status(policy, origin="http://localhost:1") == 403
    assert status(policy, sec_fetch_site="same-site") == 403
    assert status(policy, "POST", referer="http://evil.example/", **json) == 403
    assert status(policy, "POST", referer="http://localhost:8050/x", **json) is None
    assert status(policy, path="/a/../b") == status(policy, path="/a\\b") == status(policy, path="/a%2e") == 404
    assert status(policy, "POST", content_length=str(MAX_BODY_BYTES + 1), **json) == 413
    assert status(policy, content_length="-1") == status(policy, large="x" * 70_000) == 413


def test_only_the_app_accepts_links_and_large_uploads() -> None:
    assert status(APP, **LINK) is None
    assert status(APP, "POST", **LINK) == status(APP, origin="null", **LINK) == 403
    assert status(DAGSTER, **LINK) == 403
    large = {"content_length": str(MAX_BODY_BYTES + 1)}
    assert status(APP, "PUT", "/uploads/token", **large) is None
    assert status(APP, "POST", "/uploads", **large) == status(APP, "PUT", "/assets/x", **large) == 413


def test_dagster_accepts_only_its_port_and_json() -> None:
    assert status(APP, host="localhost:1") is None
    assert status(DAGSTER, host="localhost:1") == status(DAGSTER, host="localhost") == 421
    assert status(DAGSTER, "POST", content_type="text/plain") == 415
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert status(DAGSTER, "POST", "/sign-in", **form) is None
    assert status(DAGSTER, "POST", "/graphql", **form) == 415
    assert check_request(RequestHead("GET", "/graphql", OWN, "query=x"), DAGSTER) is not None
    assert check_request(RequestHead("GET", "/graphql", OWN, is_websocket=True), DAGSTER) is not None
