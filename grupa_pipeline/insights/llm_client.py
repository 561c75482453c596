"""Calls of a language model with limits: retries, a timeout per call, a deadline and ceilings per run, and a call log.

`prompting` writes the prompts and uses the replies; `providers` classifies errors.
"""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from grupa_pipeline.insights.call_limits import CallLimits
from grupa_pipeline.insights.providers import CallFailure, ChatModel, FailureKind, ModelResponse
from grupa_pipeline.vocabulary.enums import CallOutcome

T = TypeVar("T")

Messages = Sequence[tuple[str, str]]
"""Role (system, human, ai) and text of each message."""


@dataclass(frozen=True)
class ParsedReply(Generic[T]):
    """A response's text as a value, None if it is unreadable; its faults, and what was mended in it."""

    value: T | None
    faults: list[str]
    mended: Sequence[str] = ()


ReplyParser = Callable[[str], ParsedReply[T]]


class NoReplyError(Exception):
    """A question without a usable reply; the message is a sentence without secrets.

    Attributes:
        is_repairable: Whether a response came that could not be used, so that asking again differently may help.
    """

    def __init__(self, reason: str, *, is_repairable: bool = False) -> None:
        super().__init__(reason)
        self.is_repairable = is_repairable


@dataclass(frozen=True)
class Reply(Generic[T]):
    """A complete response: its text, the parsed value (None if unreadable) and its faults."""

    text: str
    value: T | None
    faults: list[str]


class LlmClient:
    """Asks one model on behalf of a whole run; safe to use from several threads.

    Attributes:
        calls: Rows of `llm_calls` without snapshot_date, one per question.
        limits: The limits on its calls.

    Example:
        >>> client = LlmClient(model, CallLimits(), prompt_version="v1", now=now)
        >>> reply = client.ask(messages, schema, parse, cluster_id="C01")
    """

    def __init__(
        self,
        model: ChatModel,
        limits: CallLimits,
        *,
        prompt_version: str,
        now: datetime,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.calls: list[dict[str, Any]] = []
        self._model = model
        self.limits = limits
        self._prompt_version = prompt_version
        self._now = now
        self._clock = clock
        self._deadline = clock() + limits.run_seconds
        self._lock = threading.Lock()
        self._questions = 0
        self._tokens = 0
        self._stop_reason: str | None = None
        self._responses = 0
        self._passing_failures = 0

    @property
    def provider_is_down(self) -> bool:
        """Whether nothing came back of what was asked, for reasons that may pass: no connection, no answer in time, overload."""
        return self._passing_failures > 0 and not self._responses

    def ask(
        self, messages: Messages, schema: Mapping[str, Any], parse: ReplyParser[T], *, cluster_id: str | None
    ) -> Reply[T]:
        """Ask one question and log it in `calls`, whatever the outcome.

        Args:
            messages: The conversation so far.
            schema: JSON schema of the reply.
            parse: Parses and validates the response's text.
            cluster_id: The cluster that the question is about; None for all clusters.

        Raises:
            NoReplyError: No complete response came, a limit is reached, or an earlier failure stopped the run's calls.
        """
        self._start_question()
        started = self._clock()
        result = self._request(messages, schema)
        mended = ""
        reply, failure = None, result if isinstance(result, CallFailure) else _failure_of(result)
        if isinstance(result, ModelResponse) and failure is None:
            parsed = parse(result.text)
            reply, mended = Reply(result.text, parsed.value, parsed.faults), "; ".join(parsed.mended)
            failure = _invalid(parsed.faults) if parsed.faults else None
        response = result if isinstance(result, ModelResponse) else None
        self._log(messages, cluster_id, self._clock() - started, response, failure, mended)
        if reply is not None:
            return reply
        failure = failure or CallFailure(FailureKind.FINAL, "nothing came back")
        if failure.kind is FailureKind.STOP:
            self._stop_reason = self._stop_reason or failure.reason
        is_repairable = failure.outcome in (CallOutcome.INVALID, CallOutcome.REFUSED)
        raise NoReplyError(failure.reason, is_repairable=is_repairable)

    def _start_question(self) -> None:
        """Count a question.

        Raises:
            NoReplyError: A limit is reached.
        """
        limits = self.limits
        with self._lock:
            if self._stop_reason is None and self._questions >= limits.max_calls:
                self._stop_reason = f"the run's limit of {limits.max_calls} calls is reached"
            if self._stop_reason is None and self._tokens >= limits.max_run_tokens:
                self._stop_reason = f"the run's limit of {limits.max_run_tokens} tokens is reached"
            if self._stop_reason is None and self._seconds_left() <= 0:
                self._stop_reason = f"the run's {limits.run_seconds:.0f} seconds for asking are over"
            if self._stop_reason is not None:
                raise NoReplyError(self._stop_reason)
            self._questions += 1

    def _request(self, messages: Messages, schema: Mapping[str, Any]) -> ModelResponse | CallFailure:
        """Send a request, and repeat it while its failure may pass and the run's deadline allows.

        The loop is not left to a retry library: the deadline belongs to the whole run and its threads, a provider's
        requested wait replaces the back-off, and a wait beyond the deadline stops all further questions at once.
        """
        failure = CallFailure(FailureKind.FINAL, "nothing was asked")
        for attempt in range(self.limits.attempts):
            seconds = min(self.limits.call_seconds, self._seconds_left())
            result = _call_with_timeout(seconds, lambda: self._model.ask(messages, schema))
            if isinstance(result, ModelResponse):
                return result
            failure = self._model.classify_error(result)
            if failure.outcome is CallOutcome.TIMEOUT:  # the same question would take as long again
                return replace(failure, kind=FailureKind.FINAL, may_pass=True)
            if failure.kind is not FailureKind.RETRY:
                return failure
            wait = failure.retry_after
            if wait is None:
                wait = self.limits.backoff_seconds * 2**attempt
            if wait >= self._seconds_left():
                reason = f"{failure.reason}; it could be asked again after {wait:.0f} seconds, when this run is over"
                return CallFailure(FailureKind.STOP, reason, failure.outcome, may_pass=True)
            if attempt + 1 < self.limits.attempts and self._stop_reason is None:
                time.sleep(wait)
        reason = f"{failure.reason}, {self.limits.attempts} times"
        return CallFailure(FailureKind.FINAL, reason, failure.outcome, may_pass=True)

    def _seconds_left(self) -> float:
        return self._deadline - self._clock()

    def _log(
        self,
        messages: Messages,
        cluster_id: str | None,
        seconds: float,
        response: ModelResponse | None,
        failure: CallFailure | None,
        mended: str,
    ) -> None:
        tokens = (response.input_tokens or 0) + (response.output_tokens or 0) if response else 0
        row = {
            "call_id": str(uuid.uuid4()),
            "cluster_id": cluster_id,
            "provider": self._model.provider,
            "model": self._model.name,
            "prompt_version": self._prompt_version,
            "prompt": "\n\n".join(f"[{role}]\n{text}" for role, text in messages),
            "response": response.text if response else None,
            "input_tokens": response.input_tokens if response else None,
            "output_tokens": response.output_tokens if response else None,
            "latency_ms": round(seconds * 1000),
            "outcome": (failure.outcome if failure else CallOutcome.OK).value,
            "error": failure.reason if failure else f"mended: {mended}" if mended else None,
            "created_at": self._now,
        }
        with self._lock:
            self.calls.append(row)
            self._tokens += tokens
            self._responses += response is not None
            self._passing_failures += failure is not None and failure.may_pass


def _invalid(faults: Sequence[str]) -> CallFailure:
    return CallFailure(FailureKind.FINAL, "; ".join(faults), CallOutcome.INVALID)


def _failure_of(response: ModelResponse) -> CallFailure | None:
    if response.problem is None:
        return None
    outcome = CallOutcome.REFUSED if response.refused else CallOutcome.INVALID
    return CallFailure(FailureKind.FINAL, response.problem, outcome)


def _call_with_timeout(seconds: float, function: Callable[[], T]) -> T | Exception:
    """What `function` returns or raises, or TimeoutError after `seconds`.

    An HTTP client's timeout restarts with every byte, so a server that sends slowly could block a run indefinitely. The
    daemon thread of an abandoned request is left behind; it ends with its connection or with the process.
    """
    results: queue.Queue[T | Exception] = queue.Queue(1)

    def work() -> None:
        try:
            results.put(function())
        except Exception as error:  # noqa: BLE001 - returned to the caller, who classifies it
            results.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return results.get(timeout=max(0.0, seconds))
    except queue.Empty:
        return TimeoutError()
