"""A stand-in for OpenAI and Anthropic on loopback: valid replies from the evidence in the prompt, or any scripted failure.

Use it in a test as `with ModelServer() as server:` with `server.openai_url` or `server.anthropic_url`, or start it as
`python -m tests.grupa_pipeline.insights.model_server --port 8099` and point OPENAI_BASE_URL
or ANTHROPIC_BASE_URL at what it prints.

It shows that requests and replies fit both protocols, not how well a live model writes.
"""

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

STATUSES = ("400", "401", "403", "404", "413", "422", "429", "500", "502", "503", "529")
FAILURES = (
    *STATUSES,
    "429-soon",
    "429-hour",
    "429-date",
    "quota",
    "drop",
    "slow",
    "drip",
    "html",
    "html-page",
    "truncated",
    "refusal",
    "filtered",
    "empty",
    "bad-json",
    "wrong-shape",
)
"""Scripted failures; a script may also contain "good" and functions from the prompt to the reply's text."""

Answer = str | Callable[[str], str]

_FIRST = ("Amber", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Harbour", "Iris", "Jasper", "Kelp", "Lunar")
_LAST = ("falcons", "gardens", "bridges", "lanterns", "rivers", "markets", "engines", "orchards", "canyons", "studios")
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def data_of(prompt: str) -> list[dict[str, Any]]:
    """The clusters that a prompt describes."""
    match = re.search(r"BEGIN DATA\n(.*?)\nEND DATA", prompt, re.DOTALL)
    if match is None:
        raise ValueError("the prompt contains no data")
    return json.loads(match.group(1))


def good_answer(prompt: str) -> str:
    """A valid reply made from the evidence in the prompt."""
    clusters = data_of(prompt)
    if "Name exactly these clusters" in prompt:
        asked = re.search(r"Name exactly these clusters, each once: (.*)\.", prompt)
        ids = asked.group(1).split(", ") if asked else []
        return json.dumps({"clusters": [_name(cluster) for cluster in clusters if cluster["cluster_id"] in ids]})
    return json.dumps(good_draft(prompt))


def good_draft(prompt: str) -> dict[str, Any]:
    """Up to three valid pain points about the one cluster of the prompt, with a recommendation for each."""
    (cluster,) = data_of(prompt)
    pieces = cluster["evidence"]
    worse = [piece for piece in pieces if piece["standing"] == "worse"]
    leading = (worse or [piece for piece in pieces if piece["standing"] != "better"])[:3]
    target, direction = re.findall(r"^- (\S+) \(.*\); better direction: (\w+)$", prompt, re.MULTILINE)[0]
    pains, recommendations = [], []
    for number, piece in enumerate(leading, start=1):
        one, two = piece["id"], next(other["id"] for other in pieces[number:] + pieces if other != piece)
        pains.append(_pain(number, one, two))
        recommendations.append(_recommendation(number, one, target, direction))
    return {"pain_points": pains, "recommendations": recommendations}


def _pain(number: int, one: str, two: str) -> dict[str, Any]:
    return {
        "title": f"{('First', 'Next', 'Last')[number - 1]} measured gap to everyone else",
        "body": f"On what matters here they show {{{one}.cluster}} against {{{one}.rest}} of the others. "
        f"Beside that they show {{{two}.cluster}} against {{{two}.rest}} of the others.",
        "evidence_ids": [one, two],
    }


def _recommendation(number: int, one: str, target: str, direction: str) -> dict[str, Any]:
    return {
        "title": f"Try a shorter way, {('first', 'next', 'last')[number - 1]}",
        "body": "Offer these users a shorter way through the step that differs.",
        "addresses": [number],
        "evidence_ids": [one],
        "target_metric": target,
        "direction": direction,
        "change": "The step is offered in one screen.",
        "hypothesis": f"If the step is shorter then the metric will {direction} because less is asked of them.",
    }


class ModelServer:
    """Serves both protocols on a free port of 127.0.0.1, with the replies of `script` in order and then `otherwise`.

    Attributes:
        requests: Bodies of the requests, oldest first.
        prompts: All text of each request's messages.
        headers: Of each request.
        seen: Number of requests of any kind, to any path.
    """

    def __init__(self, script: Sequence[Answer] = (), *, otherwise: Answer = "good", port: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.prompts: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.seen = 0
        self._script = list(script)
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.released = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def openai_url(self) -> str:
        return f"{self.address}/v1"

    @property
    def anthropic_url(self) -> str:
        return self.address

    def url(self, provider: str) -> str:
        return self.openai_url if provider == "openai" else self.anthropic_url

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: dict[str, Any]) -> tuple[Answer, str]:
        """Record a request; returns the scripted reply and the prompt."""
        system = body.get("system") or ""
        texts = [system if isinstance(system, str) else json.dumps(system)]
        for message in body["messages"]:
            content = message["content"]
            texts.append(content if isinstance(content, str) else "\n".join(block.get("text", "") for block in content))
        prompt = "\n\n".join(texts)
        with self._lock:
            self.requests.append(body)
            self.prompts.append(prompt)
            return (self._script.pop(0) if self._script else self._otherwise), prompt


def _name(cluster: dict[str, Any]) -> dict[str, Any]:
    number = int(cluster["cluster_id"][1:])
    aliases = [piece["id"] for piece in cluster["evidence"][:3]]
    gaps = " and ".join(f"{{{alias}.cluster}} against {{{alias}.rest}} of the others" for alias in aliases)
    return {
        "cluster_id": cluster["cluster_id"],
        "name": f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}",
        "summary": f"What sets them apart most is {gaps}.",
        "evidence_ids": aliases,
    }


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.seen += 1
            self._send(404, {"error": {"message": "no such path"}})

        def do_POST(self) -> None:
            server.seen += 1
            server.headers.append(dict(self.headers))
            if not self.path.endswith(("/chat/completions", "/v1/messages")):
                return self.do_GET()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer, prompt = server.take(body)
            openai = self.path.endswith("/chat/completions")
            if callable(answer):
                return self._send(200, _complete(answer(prompt), openai))
            if answer == "good":
                return self._send(200, _complete(good_answer(prompt), openai))
            return self._fail(answer, prompt, openai)

        def _fail(self, answer: str, prompt: str, openai: bool) -> None:
            if answer[:3] in STATUSES:
                wait = {"soon": "0.05", "hour": "3600", "date": "Fri, 31 Dec 2100 23:59:59 GMT"}.get(answer[4:])
                return self._send(
                    int(answer[:3]), _error(int(answer[:3]), openai), {"Retry-After": wait} if wait else None
                )
            if answer == "quota":
                return self._send(429 if openai else 400, _out_of_quota(openai))
            if answer == "drop":
                self.close_connection = True
                return self.connection.close()
            if answer in ("slow", "drip"):
                return self._dawdle(drip=answer == "drip", text=json.dumps(_complete(good_answer(prompt), openai)))
            if answer == "html":
                return self._text(200, "<html><body>Sign in to the proxy</body></html>", "text/html")
            return self._send(200, _unusable(answer, prompt, openai))

        def _dawdle(self, *, drip: bool, text: str) -> None:
            if drip:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
            for byte in text.encode() if drip else b"." * 200:
                if server.released.wait(0.05):
                    break
                if drip:
                    try:
                        self.wfile.write(bytes([byte]))
                    except OSError:
                        break
            self.close_connection = True

        def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            self._text(status, json.dumps(body), "application/json", headers)

        def _text(self, status: int, text: str, kind: str, headers: dict[str, str] | None = None) -> None:
            data = text.encode()
            self.send_response(status)
            for name, value in ({"Content-Type": kind, "Content-Length": str(len(data))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler


def _unusable(answer: str, prompt: str, openai: bool) -> dict[str, Any]:
    good = good_answer(prompt)
    if answer == "truncated":
        return _complete(good[: len(good) // 2], openai, "length" if openai else "max_tokens")
    if answer == "refusal":
        return _complete("", openai, "stop", refusal="I will not.") if openai else _complete("No.", openai, "refusal")
    if answer == "filtered":
        return _complete("", openai, "content_filter" if openai else "refusal")
    texts = {"empty": "", "bad-json": good[:-3], "html-page": "<html>Busy</html>", "wrong-shape": '{"answer": 42}'}
    return _complete(texts[answer], openai)


def _complete(text: str, openai: bool, finish: str | None = None, refusal: str | None = None) -> dict[str, Any]:
    if openai:
        message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": "stand-in",
            "choices": [{"index": 0, "message": message, "finish_reason": finish or "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stand-in",
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": finish or "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def _error(status: int, openai: bool) -> dict[str, Any]:
    kind = _TYPES.get(status, "api_error")
    error = {"type": kind, "message": f"{kind}: key sk-secret-1234567890abcdef was looked at", "code": kind}
    return {"error": error} if openai else {"type": "error", "error": error}


def _out_of_quota(openai: bool) -> dict[str, Any]:
    if openai:
        text = "You exceeded your current quota, please check your plan and billing details."
        return {"error": {"message": text, "type": "insufficient_quota", "code": "insufficient_quota"}}
    text = "Your credit balance is too low to access the Anthropic API."
    return {"type": "error", "error": {"type": "invalid_request_error", "message": text}}


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for OpenAI and Anthropic on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--answer", default="good", choices=("good", *FAILURES))
    arguments = parser.parse_args()
    with ModelServer(otherwise=arguments.answer, port=arguments.port) as server:
        print(f"OPENAI_BASE_URL={server.openai_url}\nANTHROPIC_BASE_URL={server.anthropic_url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
