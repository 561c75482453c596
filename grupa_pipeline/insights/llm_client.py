"""Asking a model with care: one layer of retries, a timeout a call, a deadline and a ceiling for the run, and a record.

What is asked and what is done with an answer is decided in `asking.py`; what an error means is told by `providers.py`.
"""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from grupa_pipeline.insights.providers import Failure, Model, Outcome, Reply

T = TypeVar("T")

Messages = Sequence[tuple[str, str]]
"""Who speaks (system, human, ai) and what they say."""

Reader = Callable[[str], tuple[T | None, list[str]]]
"""Reads an answer's text: what it says, None if that cannot be read, and its faults."""


@dataclass(frozen=True)
class Limits:
    """How much asking a run may cost.

    Attributes:
        call_seconds: Longest that one request may take.
        run_seconds: Longest that all asking together may take, waiting included.
        attempts: Requests for one question at most.
        backoff_seconds: First wait before asking again; doubled each time, unless the provider says how long.
        max_calls: Questions a run may ask.
        max_output_tokens: Longest answer to one question.
        max_run_tokens: Tokens sent and received after which nothing more is asked.
    """

    call_seconds: float = 90.0
    run_seconds: float = 300.0
    attempts: int = 4
    backoff_seconds: float = 1.0
    max_calls: int = 24
    max_output_tokens: int = 8_000
    max_run_tokens: int = 400_000


class NoAnswerError(Exception):
    """A question that got no usable answer; the message is a sentence without secrets.

    `worth_repair` says that an answer came which could not be used, so that asking in another way may help.
    """

    def __init__(self, reason: str, *, worth_repair: bool = False) -> None:
        super().__init__(reason)
        self.worth_repair = worth_repair


@dataclass(frozen=True)
class Heard(Generic[T]):
    """An answer as it came, what it says (None: unreadable) and its faults."""

    text: str
    answer: T | None
    faults: list[str]


class Caller:
    """Asks one model on behalf of a whole run; several threads may ask at once."""

    def __init__(self, model: Model, limits: Limits, *, prompt_version: str, now: datetime) -> None:
        self.calls: list[dict[str, Any]] = []
        self._model = model
        self._limits = limits
        self._prompt_version = prompt_version
        self._now = now
        self._deadline = time.monotonic() + limits.run_seconds
        self._lock = threading.Lock()
        self._asked = 0
        self._tokens = 0
        self._stopped: str | None = None

    @property
    def stopped(self) -> str | None:
        """Why nothing more is asked; None while asking goes on."""
        return self._stopped

    def ask(self, messages: Messages, shape: type[BaseModel], read: Reader[T], *, cluster_id: str | None) -> Heard[T]:
        """The model's answer, read and judged by `read`; every call is recorded in `calls`, whatever comes of it.

        Raises NoAnswerError when there is none, and at once when a limit is reached or the provider said to stop.
        """
        self._take_a_turn()
        started = time.monotonic()
        reply, failure = self._try(messages, shape)
        heard = None
        if reply is not None and failure is None:
            answer, faults = read(reply.text)
            heard = Heard(reply.text, answer, faults)
            failure = Failure("final", faults[0], "invalid") if faults else None
        self._record(messages, cluster_id, time.monotonic() - started, reply, failure)
        if heard is not None:
            return heard
        failure = failure or Failure("final", "nothing came back")
        if failure.kind == "stop":
            self._stopped = self._stopped or failure.reason
        raise NoAnswerError(failure.reason, worth_repair=failure.outcome in ("invalid", "refused"))

    def _take_a_turn(self) -> None:
        with self._lock:
            if self._stopped is None and self._asked >= self._limits.max_calls:
                self._stopped = f"the run's limit of {self._limits.max_calls} calls is reached"
            if self._stopped is None and self._tokens >= self._limits.max_run_tokens:
                self._stopped = f"the run's limit of {self._limits.max_run_tokens} tokens is reached"
            if self._stopped is None and self._left() <= 0:
                self._stopped = f"the run's {self._limits.run_seconds:.0f} seconds for asking are over"
            if self._stopped is not None:
                raise NoAnswerError(self._stopped)
            self._asked += 1

    def _try(self, messages: Messages, shape: type[BaseModel]) -> tuple[Reply | None, Failure | None]:
        failure = Failure("final", "nothing was asked")
        for attempt in range(self._limits.attempts):
            allowed = min(self._limits.call_seconds, self._left())
            answer = _within(allowed, lambda: self._model.ask(messages, shape))
            if isinstance(answer, Reply):
                if answer.problem is None:
                    return answer, None
                return answer, Failure("final", answer.problem, "refused" if answer.refused else "invalid")
            failure = self._model.understand(answer)
            if failure.kind != "retry":
                return None, failure
            wait = failure.retry_after
            if wait is None:
                wait = self._limits.backoff_seconds * 2**attempt
            if wait >= self._left():
                late = f"{failure.reason}; it could be asked again after {wait:.0f} seconds, when this run is over"
                return None, Failure("stop", late, failure.outcome)
            if attempt + 1 < self._limits.attempts and self._stopped is None:
                time.sleep(wait)
        return None, Failure("final", f"{failure.reason}, {self._limits.attempts} times", failure.outcome)

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _record(
        self,
        messages: Messages,
        cluster_id: str | None,
        seconds: float,
        reply: Reply | None,
        failure: Failure | None,
    ) -> None:
        outcome: Outcome = failure.outcome if failure else "ok"
        tokens = (reply.input_tokens or 0) + (reply.output_tokens or 0) if reply else 0
        row = {
            "call_id": str(uuid.uuid4()),
            "cluster_id": cluster_id,
            "provider": self._model.provider,
            "model": self._model.name,
            "prompt_version": self._prompt_version,
            "prompt": "\n\n".join(f"[{role}]\n{text}" for role, text in messages),
            "response": reply.text if reply else None,
            "input_tokens": reply.input_tokens if reply else None,
            "output_tokens": reply.output_tokens if reply else None,
            "latency_ms": round(seconds * 1000),
            "outcome": outcome,
            "error": failure.reason if failure else None,
            "created_at": self._now,
        }
        with self._lock:
            self.calls.append(row)
            self._tokens += tokens


def _within(seconds: float, do: Callable[[], T]) -> T | Exception:
    """What `do` returns or raises, or TimeoutError after so many seconds.

    A client's own timeout starts anew with every byte, so a server that drips could hold a run for ever. The thread
    of a request that is given up is left behind as a daemon: it ends with its connection, or with the process.
    """
    done: queue.Queue[T | Exception] = queue.Queue(1)

    def work() -> None:
        try:
            done.put(do())
        except Exception as error:  # noqa: BLE001 - handed to the caller, who judges it
            done.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return done.get(timeout=max(0.0, seconds))
    except queue.Empty:
        return TimeoutError()
