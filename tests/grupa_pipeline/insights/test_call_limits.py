"""Which limits hold for which model, and what is sent to it."""

from typing import Any

import pytest

from grupa_pipeline.insights.call_limits import HOSTED, LOCAL, CallLimits, limits_for
from grupa_pipeline.insights.prompting import MIN_ROWS, _fitting
from grupa_pipeline.insights.providers import ChatModel


@pytest.mark.parametrize(
    ("llm", "base_url", "is_local"),
    [
        ("openai:gpt-5.4-mini", None, False),
        ("openai:m", "https://api.openai.com/v1", False),
        ("openai:m", "http://localhost:8080/v1", True),
        ("openai:m", "http://127.0.0.1:8080/v1", True),
        ("openai:m", "http://192.168.1.9:1234/v1", True),
        ("ollama:qwen", None, True),
        (None, None, False),
    ],
)
def test_local_models_have_limits_of_their_own(llm: str | None, base_url: str | None, is_local: bool) -> None:
    assert limits_for(llm, base_url) == (LOCAL if is_local else HOSTED)


def test_what_is_given_counts() -> None:
    limits = limits_for("ollama:m", None, call_seconds=7, context_tokens=None)
    assert limits.call_seconds == 7 and limits.context_tokens == LOCAL.context_tokens


class _Client:
    limits = CallLimits(max_output_tokens=100, context_tokens=400)


@pytest.mark.parametrize(("characters_a_row", "rows"), [(1, 40), (30, 28), (3_000, MIN_ROWS)])
def test_evidence_is_cut_from_its_end_until_the_question_fits(characters_a_row: int, rows: int) -> None:
    messages = _fitting(lambda count: [("human", "x" * characters_a_row * count)], 40, _Client())  # type: ignore[arg-type]
    kept = len(messages[0][1]) // characters_a_row
    assert kept == rows


def test_ollama_is_asked_for_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda name, **options: asked.update(options))
    ChatModel("ollama:m", base_url=None, timeout=5, max_output_tokens=10, context_tokens=4_096)
    assert asked["num_ctx"] == 4_096 and asked["num_predict"] == 10
