"""The pages by address. Each is built by `build(services, snapshot, selected) -> Component`."""

from collections.abc import Callable

from dash.development.base_component import Component

from dash_app.data.snapshot import Snapshot
from dash_app.pages import clusters, data, events, history, learnings, roadmap
from dash_app.services import Services

PAGES: dict[str, Callable[[Services, Snapshot | None, str | None], Component]] = {
    "/": clusters.build,
    "/roadmap": roadmap.build,
    "/learnings": learnings.build,
    "/history": history.build,
    "/events": events.build,
    "/data": data.build,
}
"""What builds each page, from the services, the chosen snapshot (None: there is none) and the open cluster or segment."""
