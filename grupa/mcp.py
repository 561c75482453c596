"""The tools for agents on standard streams: `grupa mcp`. With a token, proposals go to the running app."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dash_app.agents.reader import Warehouse
from dash_app.agents.tools import agent_server
from grupa.app_client import AppClient, AppRefusalError

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer


def create_server(folder: Path, app: AppClient | None = None) -> "MCPServer":
    """The server of the warehouse in `folder`; with `app` it proposes tests there, without it is read-only.

    Raises:
        NoWarehouseError: Nothing has been published there.
    """

    def propose(insight_id: str, snapshot: str | None) -> Mapping[str, Any]:
        try:
            return app.propose(insight_id, snapshot) if app else {}
        except AppRefusalError as refusal:
            raise ValueError(str(refusal)) from refusal

    return agent_server(Warehouse(folder, arrow=True), propose if app else None)
