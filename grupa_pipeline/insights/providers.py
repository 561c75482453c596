"""Chat models through LangChain, and the classification of their errors. The only module that knows providers.

One question is one HTTP request, since clients are configured not to retry. `llm_client` decides whether and how long to
retry.
"""

import copy
import email.utils
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from grupa_pipeline.vocabulary.enums import CallOutcome

PROVIDER_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
"""The providers' own addresses, set explicitly so that no variable of a tracing service can send prompts elsewhere."""
MAX_MESSAGE_LENGTH = 200

_STOPPING = {
    401: "refused the key",
    402: "wants to be paid",
    403: "does not permit this",
    404: "does not know this model",
}
_RETRYABLE = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|credit balance|billing", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{4,}|[\w+/=*-]{24,}", re.IGNORECASE)

_CUT_OFF = "the answer was cut off at the limit of output tokens"
_REFUSED = "the model refused to answer"


class FailureKind(StrEnum):
    """What to do after a failed request."""

    STOP = "stop"
    """Send no more requests to this provider."""
    RETRY = "retry"
    """The same request may succeed later."""
    FINAL = "final"
    """Give up this question."""


@dataclass(frozen=True)
class ModelResponse:
    """A provider's response to one request.

    Attributes:
        text: The text, unparsed.
        input_tokens: As counted by the provider.
        output_tokens: As counted by the provider.
        problem: Why the text is unusable; None for a complete response.
        refused: Whether the problem is a refusal.
    """

    text: str
    input_tokens: int | None
    output_tokens: int | None
    problem: str | None = None
    refused: bool = False


@dataclass(frozen=True)
class CallFailure:
    """The meaning of an error.

    Attributes:
        kind: What to do next.
        reason: A sentence without secrets.
        outcome: Value for `llm_calls`.
        retry_after: Seconds to wait as requested by the provider; None without a request.
        may_pass: Whether the question was given up for now only: asked later, it may be answered.
    """

    kind: FailureKind
    reason: str
    outcome: CallOutcome = CallOutcome.ERROR
    retry_after: float | None = None
    may_pass: bool = False


class ChatModel:
    """One chat model that replies in JSON according to a schema.

    Args:
        llm: `provider:model`.
        base_url: Address of the server; None for the provider's own.
        timeout: Timeout of the HTTP client in seconds.
        max_output_tokens: Maximum length of a response.
        context_tokens: Size of the context that Ollama is asked to give the model; others know theirs.

    Raises:
        ImportError: The provider's package is missing.
        ValueError: The provider is unknown, or its key is missing.
    """

    def __init__(
        self, llm: str, *, base_url: str | None, timeout: float, max_output_tokens: int, context_tokens: int
    ) -> None:
        from langchain.chat_models import init_chat_model

        self.llm = llm
        self.provider, _, self.name = llm.partition(":")
        address = base_url or PROVIDER_URLS.get(self.provider)
        options: dict[str, Any] = {"base_url": address} if address else {}
        if self.provider == "ollama":
            options |= {"num_predict": max_output_tokens, "num_ctx": context_tokens}
            options |= {"client_kwargs": {"timeout": timeout}}
        else:
            options |= {"max_tokens": max_output_tokens, "timeout": timeout, "max_retries": 0}
        self._chat = init_chat_model(self.name, model_provider=self.provider, **options)

    def ask(self, messages: Sequence[tuple[str, str]], schema: Mapping[str, Any]) -> ModelResponse:
        """Send one request. Raises whatever the provider's client raises; see `classify_error`.

        Args:
            messages: Role (system, human, ai) and text of each message.
            schema: JSON schema of the response.
        """
        from langsmith import tracing_context

        options = {"strict": True} if self.provider == "openai" else {}
        runnable = self._chat.with_structured_output(
            copy.deepcopy(dict(schema)), method="json_schema", include_raw=True, **options
        )
        with tracing_context(enabled=False):
            output = runnable.invoke(list(messages))
        return _to_response(output["raw"], self.redact)

    def redact(self, text: str) -> str:
        """The text without this client's keys, in case a server returns one."""
        for value in vars(self._chat).values():
            if isinstance(value, SecretStr) and value.get_secret_value():
                text = text.replace(value.get_secret_value(), "[key]")
        return text

    def classify_error(self, error: BaseException) -> CallFailure:
        """The meaning of an error that `ask` raised."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and status >= 400:
            return self._classify_status(status, self._provider_message(error), _retry_after(error))
        names = " ".join(cls.__name__ for cls in type(error).__mro__)
        if "Timeout" in names:
            return CallFailure(FailureKind.RETRY, f"{self.provider} did not answer in time", CallOutcome.TIMEOUT)
        if "Connect" in names or "RemoteProtocol" in names or "Transport" in names:
            return CallFailure(FailureKind.RETRY, f"{self.provider} cannot be reached, or broke off the connection")
        if "LengthFinish" in names:
            return CallFailure(FailureKind.FINAL, _CUT_OFF, CallOutcome.INVALID)
        if "ContentFilter" in names:
            reason = "the provider's content filter held the answer back"
            return CallFailure(FailureKind.FINAL, reason, CallOutcome.REFUSED)
        reason = f"{self.provider} answered with something other than a reply"
        return CallFailure(FailureKind.FINAL, reason, CallOutcome.INVALID)

    def _classify_status(self, status: int, message: str, retry_after: float | None) -> CallFailure:
        if _QUOTA.search(message) and status in (400, 402, 403, 429):
            return CallFailure(FailureKind.STOP, f"the quota or credit at {self.provider} is used up ({status})")
        if status in _STOPPING:
            return CallFailure(FailureKind.STOP, f"{self.provider} {_STOPPING[status]} ({status}, {self.llm})")
        if status in _RETRYABLE or status >= 500:
            busy = "asks for fewer requests" if status == 429 else "is not well"
            return CallFailure(FailureKind.RETRY, f"{self.provider} {busy} ({status})", retry_after=retry_after)
        return CallFailure(FailureKind.FINAL, f"{self.provider} did not accept the request ({status}: {message})")

    def _provider_message(self, error: BaseException) -> str:
        """Message and code of the provider's error, without secrets, shortened."""
        body = getattr(error, "body", None)
        inner = body.get("error", body) if isinstance(body, dict) else None
        texts = [str(inner.get(key) or "") for key in ("message", "code", "type")] if isinstance(inner, dict) else []
        text = " ".join(dict.fromkeys(texts)) if any(texts) else str(error)
        return _SECRET.sub("[...]", self.redact(" ".join(text.split())))[:MAX_MESSAGE_LENGTH]


def _to_response(message: Any, redact: Callable[[str], str]) -> ModelResponse:
    usage = message.usage_metadata or {}
    details = message.response_metadata or {}
    finish = str(details.get("finish_reason") or details.get("stop_reason") or details.get("done_reason") or "")
    refusal = message.additional_kwargs.get("refusal")
    text = redact(str(message.text or refusal or ""))
    problem = None
    if refusal or finish in ("refusal", "content_filter"):
        problem = _REFUSED
    elif finish in ("length", "max_tokens"):
        problem = _CUT_OFF
    elif not text.strip():
        problem = "the answer was empty"
    return ModelResponse(
        text, usage.get("input_tokens"), usage.get("output_tokens"), problem, refused=problem == _REFUSED
    )


def _retry_after(error: BaseException) -> float | None:
    """Seconds to wait according to the headers retry-after-ms or Retry-After (seconds or an HTTP date)."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    milliseconds, text = headers.get("retry-after-ms"), str(headers.get("retry-after") or "")
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(text)) if text else None
    except ValueError:
        date = email.utils.parsedate_tz(text)
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
