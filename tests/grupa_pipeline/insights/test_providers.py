"""Failures of both providers over real HTTP: none may fail a run, hang it, or tell a secret."""

import dataclasses
import time
from typing import Any

import pytest

from grupa_pipeline.insights.generate import Insights
from grupa_pipeline.insights.llm_client import Limits
from tests.grupa_pipeline.insights import contexts
from tests.grupa_pipeline.insights.model_server import ModelServer

PROVIDERS = ("openai", "anthropic")
CLUSTERS = 3
SHORT = dataclasses.replace(contexts.QUICK, call_seconds=0.2, run_seconds=3.0, attempts=2)

STOPS = ("401", "403", "404", "quota", "429-hour", "429-date")
GIVEN_UP = ("400", "413", "422")
RETRIED = ("429", "429-soon", "500", "502", "503", "529", "drop")
UNUSABLE = ("html", "html-page", "truncated", "refusal", "filtered", "empty", "bad-json", "wrong-shape")


@pytest.fixture(autouse=True)
def keys(openai_key: None, anthropic_key: None) -> None:
    """Both providers have a key."""


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    return contexts.inputs()


def ask(given: dict[str, Any], provider: str, server: ModelServer, limits: Limits = contexts.QUICK) -> Insights:
    return contexts.write(given, llm=f"{provider}:stand-in", base_url=server.url(provider), limits=limits)


def falls_back(told: Insights) -> None:
    """Every cluster has a text by the rules, with the reason, a warning, and no secret anywhere."""
    assert set(told.insights["source"]) == {"rules"}
    assert set(told.insights["cluster_id"]) == {"C01", "C02", "C03"}
    assert told.names["fallback_reason"].notna().all()
    assert len(told.warnings) == 1
    everything = told.names.to_csv() + told.calls.to_csv() + " ".join(told.warnings)
    for secret in ("sk-secret", "not-a-real-key"):
        assert secret not in everything


@pytest.mark.parametrize("failure", STOPS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_asking_stops_at_once(given: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        told = ask(given, provider, server)
    falls_back(told)
    assert len(server.requests) == len(told.calls) == 1


@pytest.mark.parametrize("failure", GIVEN_UP)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_that_is_not_accepted_is_not_repeated(given: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        told = ask(given, provider, server)
    falls_back(told)
    assert len(server.requests) == len(told.calls) == 1 + CLUSTERS
    assert set(told.calls["outcome"]) == {"error"}


@pytest.mark.parametrize("failure", RETRIED)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_may_pass_is_retried_and_then_given_up(given: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        told = ask(given, provider, server)
    falls_back(told)
    assert len(server.requests) == contexts.QUICK.attempts * (1 + CLUSTERS)
    assert len(told.calls) == 1 + CLUSTERS


@pytest.mark.parametrize("failure", ["429-soon", "503", "drop"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_failure_that_passes_costs_one_more_request(given: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer([failure]) as server:
        told = ask(given, provider, server)
    assert set(told.insights["source"]) == {"llm"}
    assert told.warnings == []
    assert len(server.requests) == len(told.calls) + 1 == 2 + CLUSTERS


@pytest.mark.parametrize("failure", UNUSABLE)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_unusable_answer_is_asked_for_once_more(given: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        told = ask(given, provider, server)
    falls_back(told)
    assert len(server.requests) == len(told.calls) == 2 * (1 + CLUSTERS)
    assert set(told.calls["outcome"]) <= {"invalid", "refused"}


@pytest.mark.parametrize("failure", ["bad-json", "truncated", "html"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_repaired_answer_is_used(given: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer([failure]) as server:
        told = ask(given, provider, server)
    assert set(told.insights["source"]) == {"llm"}
    assert told.names["fallback_reason"].isna().all()
    assert "cannot be used" in server.prompts[1]


@pytest.mark.parametrize("failure", ["slow", "drip"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_slow_answer_is_not_waited_for(given: dict[str, Any], provider: str, failure: str) -> None:
    started = time.monotonic()
    with ModelServer(otherwise=failure) as server:
        told = ask(given, provider, server, SHORT)
    falls_back(told)
    assert set(told.calls["outcome"]) == {"timeout"}
    assert time.monotonic() - started < SHORT.run_seconds + 5


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nobody_is_there(given: dict[str, Any], provider: str) -> None:
    with ModelServer() as server:
        pass
    falls_back(ask(given, provider, server))
    assert server.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_run_ends_at_its_deadline(given: dict[str, Any], provider: str) -> None:
    limits = dataclasses.replace(contexts.QUICK, call_seconds=30.0, run_seconds=3.0)
    started = time.monotonic()
    with ModelServer(otherwise="slow") as server:
        told = ask(given, provider, server, limits)
    falls_back(told)
    assert time.monotonic() - started < 10
    assert len(server.requests) == 1


def test_a_run_asks_no_more_than_its_ceiling(given: dict[str, Any]) -> None:
    with ModelServer() as server:
        told = ask(given, "openai", server, dataclasses.replace(contexts.QUICK, max_calls=2))
    assert len(server.requests) == 2
    assert sorted(told.insights["source"].unique()) == ["llm", "rules"]
    with ModelServer() as server:
        ask(given, "openai", server, dataclasses.replace(contexts.QUICK, max_run_tokens=100))
    assert len(server.requests) == 1


def test_an_unknown_provider_and_a_missing_key_leave_it_to_the_rules(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    falls_back(contexts.write(given, llm="nosuchprovider:m"))
    monkeypatch.delenv("OPENAI_API_KEY")
    with ModelServer() as server:
        falls_back(ask(given, "openai", server))
    assert server.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_tracing_service_gets_a_prompt(
    given: dict[str, Any], provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as server, ModelServer() as tracer:
        for name in ("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT", "LANGSMITH_GATEWAY"):
            monkeypatch.setenv(name, tracer.address)
        for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"):
            monkeypatch.setenv(name, "true")
        for name in ("LANGSMITH_API_KEY", "LANGSMITH_GATEWAY_API_KEY"):
            monkeypatch.setenv(name, "lsv2-not-a-real-key")
        told = ask(given, provider, server)
        assert set(told.insights["source"]) == {"llm"}
        assert tracer.seen == 0
        assert "lsv2" not in str(server.headers)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_asks_for_the_shape_and_bounds_the_answer(given: dict[str, Any], provider: str) -> None:
    with ModelServer() as server:
        ask(given, provider, server)
    for body in server.requests:
        shape = body["response_format"]["json_schema"] if provider == "openai" else body["output_config"]["format"]
        assert set(shape["schema"]["properties"]) in ({"clusters"}, {"pain_points", "recommendations"})
        assert contexts.QUICK.max_output_tokens in (body.get("max_completion_tokens"), body.get("max_tokens"))
