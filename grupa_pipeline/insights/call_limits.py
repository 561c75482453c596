"""Limits on the calls of a model: one set for hosted models, one for models that answer one question at a time on this machine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

_LOCAL_PROVIDERS = frozenset({"ollama", "huggingface"})
_CHARACTERS_A_TOKEN = 3.0
"""Fewer than English prose has (about four), since evidence is full of names, braces and digits."""


@dataclass(frozen=True)
class CallLimits:
    """Limits on the model calls of a run.

    Attributes:
        call_seconds: Maximum duration of one request.
        run_seconds: Maximum duration of all requests together, including waits between retries.
        attempts: Maximum number of requests per question.
        backoff_seconds: First wait before a retry; doubled each time, unless the provider requests another wait.
        max_calls: Maximum number of questions per run.
        max_output_tokens: Maximum length of one response.
        max_run_tokens: Number of tokens, sent and received, after which no more requests are made.
        parallel_calls: Maximum number of questions at a time.
        context_tokens: Size of the model's context: what is sent and the longest response must fit into it.
    """

    call_seconds: float = 90.0
    run_seconds: float = 300.0
    attempts: int = 4
    backoff_seconds: float = 1.0
    max_calls: int = 24
    max_output_tokens: int = 8_000
    max_run_tokens: int = 400_000
    parallel_calls: int = 8
    context_tokens: int = 100_000

    def has_room_for(self, messages: Sequence[tuple[str, str]]) -> bool:
        """Whether messages and the longest response fit into the context, by a careful estimate of tokens."""
        return sum(count_tokens(text) for _, text in messages) + self.max_output_tokens <= self.context_tokens


HOSTED = CallLimits()
LOCAL = CallLimits(
    call_seconds=600.0,
    run_seconds=3_600.0,
    attempts=2,
    max_output_tokens=3_000,
    parallel_calls=1,
    context_tokens=16_384,
)
"""A local model answers one question after the other: several at a time would only wait for each other until they time out."""


def limits_for(llm: str | None, base_url: str | None, **given: float | None) -> CallLimits:
    """The limits for a model: the defaults of its kind, with those that are `given` (None: the default).

    Example:
        >>> limits_for("ollama:qwen2.5", None, call_seconds=900).call_seconds
        900
    """
    known = {field.name for field in fields(CallLimits)}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if name in known and value is not None}
    return replace(LOCAL if is_local(llm, base_url) else HOSTED, **chosen)


def is_local(llm: str | None, base_url: str | None) -> bool:
    """Whether a model runs on this machine or its own network: by its provider, else by the address of its server."""
    if (llm or "").partition(":")[0] in _LOCAL_PROVIDERS:
        return True
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".internal"))


def count_tokens(text: str) -> int:
    """About how many tokens a text has; rather too many than too few."""
    return math.ceil(len(text) / _CHARACTERS_A_TOKEN)
