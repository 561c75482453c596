"""Chat models by LangChain, and what their failures mean. The only module that knows of providers.

One question, one HTTP request: clients retry nothing. Whether to ask again, and for how long, is decided in `calls.py`.
"""

import email.utils
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, SecretStr

Outcome = Literal["ok", "refused", "invalid", "error", "timeout"]
Kind = Literal["stop", "retry", "final"]

PROVIDER_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
"""The providers' own addresses, given explicitly: no variable of a tracing service can send prompts elsewhere."""

_STOPS = {401: "refused the key", 402: "wants to be paid", 403: "does not permit this", 404: "does not know this model"}
_RETRIED = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
_EXHAUSTED = re.compile(r"insufficient_quota|exceeded your current quota|credit balance|billing", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{4,}|[\w+/=*-]{24,}", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """What a model answered: its text as it came, tokens as the provider counts, and whether it is complete."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    problem: str | None = None
    refused: bool = False


@dataclass(frozen=True)
class Failure:
    """What an error means.

    Attributes:
        kind: `stop` asks nothing more of this provider, `retry` may ask again, `final` gives up this question.
        reason: A sentence without secrets.
        outcome: Word for `llm_calls`.
        retry_after: Seconds the provider asks to wait; None when it does not say.
    """

    kind: Kind
    reason: str
    outcome: Outcome = "error"
    retry_after: float | None = None


class Model:
    """One chat model, able to answer in a given shape.

    Raises ImportError or ValueError when the provider is unknown, its package missing or its key absent.
    """

    def __init__(self, llm: str, *, base_url: str | None, timeout: float, max_output_tokens: int) -> None:
        from langchain.chat_models import init_chat_model

        self.llm = llm
        self.provider, _, self.name = llm.partition(":")
        address = base_url or PROVIDER_URLS.get(self.provider)
        options: dict[str, Any] = {"base_url": address} if address else {}
        if self.provider == "ollama":
            options |= {"num_predict": max_output_tokens, "client_kwargs": {"timeout": timeout}}
        else:
            options |= {"max_tokens": max_output_tokens, "timeout": timeout, "max_retries": 0}
        self._chat = init_chat_model(self.name, model_provider=self.provider, **options)

    def ask(self, messages: Sequence[tuple[str, str]], shape: type[BaseModel]) -> Reply:
        """Ask once. Raises what the provider's client raises; `understand` says what that means."""
        from langsmith import tracing_context

        schema = shape.model_json_schema()
        options = {"strict": True} if self.provider == "openai" else {}
        asked = self._chat.with_structured_output(schema, method="json_schema", include_raw=True, **options)
        with tracing_context(enabled=False):
            answer = asked.invoke(list(messages))
        return _reply(answer["raw"], self.without_secrets)

    def without_secrets(self, text: str) -> str:
        """The text without this client's own keys, should a server send one back."""
        for value in vars(self._chat).values():
            if isinstance(value, SecretStr) and value.get_secret_value():
                text = text.replace(value.get_secret_value(), "[key]")
        return text

    def understand(self, error: BaseException) -> Failure:
        """What an error of `ask` means for asking on."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status >= 400:
            return self._of_status(status, self._said(error), _retry_after(error))
        name = " ".join(kind.__name__ for kind in type(error).__mro__)
        if "Timeout" in name:
            return Failure("retry", f"{self.provider} did not answer in time", "timeout")
        if "Connect" in name or "RemoteProtocol" in name or "Transport" in name:
            return Failure("retry", f"{self.provider} cannot be reached, or broke off the connection")
        if "LengthFinish" in name:
            return Failure("final", "the answer was cut off at the limit of output tokens", "invalid")
        if "ContentFilter" in name:
            return Failure("final", "the provider's content filter held the answer back", "refused")
        return Failure("final", f"{self.provider} answered with something other than a reply", "invalid")

    def _of_status(self, status: int, said: str, retry_after: float | None) -> Failure:
        if _EXHAUSTED.search(said) and status in (400, 402, 403, 429):
            return Failure("stop", f"the quota or credit at {self.provider} is used up ({status})")
        if status in _STOPS:
            return Failure("stop", f"{self.provider} {_STOPS[status]} ({status}, {self.llm})")
        if status in _RETRIED or status >= 500:
            busy = "asks for fewer requests" if status == 429 else "is not well"
            return Failure("retry", f"{self.provider} {busy} ({status})", retry_after=retry_after)
        return Failure("final", f"{self.provider} did not accept the request ({status}: {said})")

    def _said(self, error: BaseException) -> str:
        """The provider's own words and code, without secrets."""
        body = getattr(error, "body", None)
        inner = body.get("error", body) if isinstance(body, dict) else None
        told = [str(inner.get(key) or "") for key in ("message", "code", "type")] if isinstance(inner, dict) else []
        text = " ".join(dict.fromkeys(told)) if any(told) else str(error)
        return _SECRET.sub("[...]", self.without_secrets(" ".join(text.split())))[:200]


def _reply(message: Any, scrub: Any) -> Reply:
    usage = message.usage_metadata or {}
    details = message.response_metadata or {}
    finish = str(details.get("finish_reason") or details.get("stop_reason") or details.get("done_reason") or "")
    refusal = message.additional_kwargs.get("refusal")
    text = scrub(str(message.text or refusal or ""))
    problem = None
    if refusal or finish in ("refusal", "content_filter"):
        problem = "the model refused to answer"
    elif finish in ("length", "max_tokens"):
        problem = "the answer was cut off at the limit of output tokens"
    elif not text.strip():
        problem = "the answer was empty"
    refused = problem == "the model refused to answer"
    return Reply(text, usage.get("input_tokens"), usage.get("output_tokens"), problem, refused)


def _retry_after(error: BaseException) -> float | None:
    """Seconds to wait by the headers retry-after-ms or Retry-After (seconds or an HTTP date)."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    milliseconds, text = headers.get("retry-after-ms"), str(headers.get("retry-after") or "")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(text)) if text else None
    except ValueError:
        moment = email.utils.parsedate_tz(text)
        return None if moment is None else max(0.0, email.utils.mktime_tz(moment) - time.time())
