"""The route by which an agent asks: `/_mcp`, with a token of the scope `read`; `draft_plan` needs `plan` too.

The tools are those of `grupa mcp`. Each POST holds one JSON-RPC message and is answered by itself, without sessions or streams
(Model Context Protocol, Streamable HTTP). Dash has a server of its own for this path; it would list callbacks by process-wide
registries, not check arguments, tell the text of any exception, and send each answer twice, so it stays off.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from dash_app.server.agent_plans import RefusedIdeaError, propose
from dash_app.server.auth import current_role, current_token
from dash_app.services import Services
from grupa_pipeline.auth.permissions import SCOPE_ROLES
from grupa_pipeline.storage.audit_log import AuditAction, AuditOutcome, record
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.enums import TokenScope

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

log = logging.getLogger(__name__)

LONGEST_QUESTION = 16 * 1024
"""Bytes of a message."""
_INVALID, _NO_METHOD, _BAD_PARAMETERS, _FAILED = -32600, -32601, -32602, -32603
_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Of the protocol, the newest first: those that know this transport."""


class QuestionError(Exception):
    """A message that is not answered; the message says why, `code` is JSON-RPC's."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def register(server: Flask, services: Services) -> None:
    """Add the route."""

    @cache
    def tools() -> "MCPServer":
        # Its libraries are many: they are read when the first agent asks, and the first page comes first.
        from dash_app.agents.reader import Warehouse
        from dash_app.agents.tools import agent_server

        return agent_server(
            Warehouse(services.settings.warehouse, arrow=True), lambda *named: _propose(services, *named)
        )

    def ask_tools() -> Response:
        if request.method != "POST":
            return Response("Post a message of the Model Context Protocol.\n", 405, {"Allow": "POST"})
        if not request.is_json:
            return Response("The body must be application/json.\n", 415)
        return respond(tools, request.get_data(), services)

    server.add_url_rule("/_mcp", "ask_tools", ask_tools, methods=["GET", "POST", "DELETE"])


def respond(tools: "Callable[[], MCPServer]", body: bytes, services: Services) -> Response:
    """The response to one message: 202 without a body for a notification, else JSON."""
    known: Any = None
    try:
        message = _message(body)
        known = message.get("id")
        if known is None:
            return Response(status=202)
        answer = {"result": _result(tools, message, services)}
    except QuestionError as error:
        answer = {"error": {"code": error.code, "message": str(error)}}
    except NoWarehouseError:
        answer = {"error": {"code": _FAILED, "message": "Nothing has been published in this warehouse yet."}}
    text = json.dumps({"jsonrpc": "2.0", "id": known, **answer}, ensure_ascii=False, separators=(",", ":"))
    return Response(text, 400 if known is None else 200, mimetype="application/json")


def _message(body: bytes) -> dict[str, Any]:
    if len(body) > LONGEST_QUESTION:
        raise QuestionError(f"A message has at most {LONGEST_QUESTION:,} bytes.", _INVALID)
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    match message:
        case {"jsonrpc": "2.0", "method": str()} if isinstance(message.get("id", 0), int | str):
            return dict(message)
    raise QuestionError("Post one JSON-RPC 2.0 message.", _INVALID)


def _result(tools: "Callable[[], MCPServer]", message: Mapping[str, Any], services: Services) -> dict[str, Any]:
    parameters = message.get("params") or {}
    if not isinstance(parameters, dict):
        raise QuestionError("The parameters must be an object.", _BAD_PARAMETERS)
    match message["method"]:
        case "initialize":
            asked = parameters.get("protocolVersion")
            return {
                "protocolVersion": asked if asked in _VERSIONS else _VERSIONS[0],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "grupa", "version": "1"},
                "instructions": tools().instructions,
            }
        case "ping":
            return {}
        case "tools/list":
            listed = asyncio.run(tools().list_tools())
            return {"tools": [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in listed]}
        case "tools/call":
            return _call(tools(), parameters.get("name"), parameters.get("arguments") or {}, services)
    raise QuestionError(
        "There is no such method here; there are initialize, ping, tools/list and tools/call.", _NO_METHOD
    )


def _call(tools: "MCPServer", name: Any, arguments: Any, services: Services) -> dict[str, Any]:
    """A tool's answer; what it was asked in vain is an answer too, marked as an error."""
    from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError

    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise QuestionError("tools/call takes a name and arguments by name.", _BAD_PARAMETERS)
    try:
        result = asyncio.run(tools.call_tool(name, arguments))
    except UnexpectedToolError:
        log.exception("a tool for agents failed")
        return _told("That did not work; the app's log has the reason.")
    except ToolError as error:
        return _told(str(error)[:1_000])
    if name == "users":
        record(services.settings.warehouse, AuditAction.EXPORT, "/_mcp/users")
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def _told(problem: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": problem}], "isError": True}


def _propose(services: Services, recommendation_id: str, day: str | None) -> Mapping[str, Any]:
    """Put an idea on the roadmap, where the token and its owner may.

    Raises:
        ValueError: They may not, or the idea is not taken.
    """
    token, needed = current_token(), SCOPE_ROLES[TokenScope.PLAN]
    if token is None or TokenScope.PLAN not in token.scopes or not current_role().may(needed):
        record(services.settings.warehouse, AuditAction.ASK, "draft_plan", AuditOutcome.REFUSED)
        raise ValueError(f"draft_plan needs a token with the scopes read and plan, of somebody with the role {needed}.")
    try:
        plan, _ = propose(
            services, token, {"recommendation_id": recommendation_id} | ({"snapshot_date": day} if day else {})
        )
    except RefusedIdeaError as refusal:
        raise ValueError(str(refusal)) from refusal
    return {"plan_id": plan.plan_id, "status": plan.status, "name": plan.name, "updated_by": plan.updated_by}
