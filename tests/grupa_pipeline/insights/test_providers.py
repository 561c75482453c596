"""Failures of both providers over real HTTP: none may fail a run, block it, or reveal a secret."""

import dataclasses
import time
from typing import Any

import pytest

from grupa_pipeline.insights.call_limits import CallLimits
from grupa_pipeline.insights.insight_writer import Insights
from grupa_pipeline.vocabulary.enums import CallOutcome, InsightSource
from tests.grupa_pipeline.insights import contexts
from tests.grupa_pipeline.insights.model_server import ModelServer

# Seconds are measured here, so nothing else may run beside these tests.
pytestmark = pytest.mark.slow

PROVIDERS = ("openai", "anthropic")
CLUSTERS = 3
SHORT = dataclasses.replace(contexts.QUICK, call_seconds=0.2, run_seconds=3.0, attempts=2)

STOPS = ("401", "403", "404", "quota", "429-hour", "429-date")
FINAL = ("400", "413", "422")
RETRIED = ("429", "429-soon", "500", "502", "503", "529", "drop")
UNUSABLE = ("html", "html-page", "truncated", "refusal", "filtered", "empty", "bad-json", "wrong-shape")


@pytest.fixture(autouse=True)
def keys(openai_key: None, anthropic_key: None) -> None:
    """Both providers have a key."""


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    return contexts.inputs()


def ask(arguments: dict[str, Any], provider: str, server: ModelServer, limits: CallLimits = contexts.QUICK) -> Insights:
    return contexts.write(arguments, llm=f"{provider}:stand-in", base_url=server.url(provider), limits=limits)


def assert_fallback(insights: Insights) -> None:
    """Every cluster has a text by rules with a reason, there is a warning, and no secret is stored or shown."""
    assert set(insights.insights["source"]) == {InsightSource.RULES}
    assert set(insights.insights["cluster_id"]) == {"C01", "C02", "C03"}
    assert insights.names["fallback_reason"].notna().all()
    assert len(insights.warnings) == 1
    everything = insights.names.to_csv() + insights.calls.to_csv() + " ".join(insights.warnings)
    for secret in ("sk-secret", "not-a-real-key"):
        assert secret not in everything


@pytest.mark.parametrize("failure", STOPS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_asking_stops_at_once(arguments: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        insights = ask(arguments, provider, server)
    assert_fallback(insights)
    assert len(server.requests) == len(insights.calls) == 1


@pytest.mark.parametrize("failure", FINAL)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_that_is_not_accepted_is_not_repeated(arguments: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        insights = ask(arguments, provider, server)
    assert_fallback(insights)
    assert len(server.requests) == len(insights.calls) == 1 + CLUSTERS
    assert set(insights.calls["outcome"]) == {CallOutcome.ERROR}


@pytest.mark.parametrize("failure", RETRIED)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_temporary_failure_is_retried_and_then_given_up(
    arguments: dict[str, Any], provider: str, failure: str
) -> None:
    with ModelServer(otherwise=failure) as server:
        insights = ask(arguments, provider, server)
    assert_fallback(insights)
    assert len(server.requests) == contexts.QUICK.attempts * (1 + CLUSTERS)
    assert len(insights.calls) == 1 + CLUSTERS


@pytest.mark.parametrize("failure", ["429-soon", "503", "drop"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_short_failure_costs_one_more_request(arguments: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer([failure]) as server:
        insights = ask(arguments, provider, server)
    assert set(insights.insights["source"]) == {InsightSource.LLM}
    assert insights.warnings == []
    assert len(server.requests) == len(insights.calls) + 1 == 2 + CLUSTERS


@pytest.mark.parametrize("failure", UNUSABLE)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_unusable_answer_is_asked_for_once_more(arguments: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer(otherwise=failure) as server:
        insights = ask(arguments, provider, server)
    assert_fallback(insights)
    assert len(server.requests) == len(insights.calls) == 2 * (1 + CLUSTERS)
    assert set(insights.calls["outcome"]) <= {CallOutcome.INVALID, CallOutcome.REFUSED}


@pytest.mark.parametrize("failure", ["bad-json", "truncated", "html"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_repaired_answer_is_used(arguments: dict[str, Any], provider: str, failure: str) -> None:
    with ModelServer([failure]) as server:
        insights = ask(arguments, provider, server)
    assert set(insights.insights["source"]) == {InsightSource.LLM}
    assert insights.names["fallback_reason"].isna().all()
    assert server.prompts[1].startswith(server.prompts[0]), (
        "the question is repeated with the faults of the first reply"
    )


@pytest.mark.parametrize("failure", ["slow", "drip"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_slow_answer_is_not_waited_for(arguments: dict[str, Any], provider: str, failure: str) -> None:
    started = time.monotonic()
    with ModelServer(otherwise=failure) as server:
        insights = ask(arguments, provider, server, SHORT)
    assert_fallback(insights)
    assert set(insights.calls["outcome"]) == {CallOutcome.TIMEOUT}
    assert time.monotonic() - started < SHORT.run_seconds + 5


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_unreachable_server_leaves_all_texts_to_the_rules(arguments: dict[str, Any], provider: str) -> None:
    with ModelServer() as server:
        pass
    assert_fallback(ask(arguments, provider, server))
    assert server.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_run_ends_at_its_deadline(arguments: dict[str, Any], provider: str) -> None:
    limits = dataclasses.replace(contexts.QUICK, call_seconds=30.0, run_seconds=3.0)
    started = time.monotonic()
    with ModelServer(otherwise="slow") as server:
        insights = ask(arguments, provider, server, limits)
    assert_fallback(insights)
    assert time.monotonic() - started < 10
    assert len(server.requests) == 1


def test_a_run_stops_at_its_limits_of_calls_and_tokens(arguments: dict[str, Any]) -> None:
    with ModelServer() as server:
        insights = ask(arguments, "openai", server, dataclasses.replace(contexts.QUICK, max_calls=2))
    assert len(server.requests) == 2
    assert sorted(insights.insights["source"].unique()) == [InsightSource.LLM, InsightSource.RULES]
    with ModelServer() as server:
        ask(arguments, "openai", server, dataclasses.replace(contexts.QUICK, max_run_tokens=100))
    assert len(server.requests) == 1


def test_an_unknown_provider_and_a_missing_key_leave_it_to_the_rules(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_fallback(contexts.write(arguments, llm="nosuchprovider:m"))
    monkeypatch.delenv("OPENAI_API_KEY")
    with ModelServer() as server:
        assert_fallback(ask(arguments, "openai", server))
    assert server.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_tracing_service_gets_a_prompt(
    arguments: dict[str, Any], provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as server, ModelServer() as tracer:
        for name in ("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT", "LANGSMITH_GATEWAY"):
            monkeypatch.setenv(name, tracer.address)
        for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"):
            monkeypatch.setenv(name, "true")
        for name in ("LANGSMITH_API_KEY", "LANGSMITH_GATEWAY_API_KEY"):
            monkeypatch.setenv(name, "lsv2-not-a-real-key")
        insights = ask(arguments, provider, server)
        assert set(insights.insights["source"]) == {InsightSource.LLM}
        assert tracer.seen == 0
        assert "lsv2" not in str(server.headers)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_has_the_schema_and_limits_the_length_of_the_response(
    arguments: dict[str, Any], provider: str
) -> None:
    with ModelServer() as server:
        ask(arguments, provider, server)
    for body in server.requests:
        schema = body["response_format"]["json_schema"] if provider == "openai" else body["output_config"]["format"]
        assert set(schema["schema"]["properties"]) in ({"clusters"}, {"pain_points", "strengths", "recommendations"})
        assert contexts.QUICK.max_output_tokens in (body.get("max_completion_tokens"), body.get("max_tokens"))
