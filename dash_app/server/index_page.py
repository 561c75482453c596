"""The HTML document around the app: its icon, and how the largest scripts reach the browser. No pages, no data."""

import pkgutil

import plotly
from flask import Flask, Response

PLOTLY = "/plotly.js"

_MARK = (
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%23364fc7'/%3E"
    "%3Cg fill='white'%3E%3Ccircle cx='11' cy='12' r='4'/%3E%3Ccircle cx='21' cy='11' r='3'/%3E"
    "%3Ccircle cx='18' cy='21' r='5'/%3E%3C/g%3E%3C/svg%3E"
)
"""The icon stands in the document itself: browsers fetch one that is a file again whenever the address changes."""

# Dash would ask for these three only when it meets the first map and the first table.
_DOCUMENT = f"""<!DOCTYPE html>
<html lang="en">
    <head>
        {{%metas%}}
        <title>{{%title%}}</title>
        <link rel="icon" href="data:image/svg+xml,{_MARK}">
        {{%css%}}
        <link rel="preload" as="script" id="plotly" href="%PREFIX%{PLOTLY[1:]}?v={plotly.__version__}">
        <link rel="preload" as="script" href="%PREFIX%_dash-component-suites/dash/dcc/async-graph.js">
        <link rel="preload" as="script" href="%PREFIX%_dash-component-suites/dash_ag_grid/async-community.js">
    </head>
    <body>
        {{%app_entry%}}
        <footer>
            {{%config%}}
            {{%scripts%}}
            {{%renderer%}}
        </footer>
    </body>
</html>"""


def document(prefix: str) -> str:
    """The document, as Dash fills it in, of an app below `prefix` (`/` or a path with a slash at each end)."""
    return _DOCUMENT.replace("%PREFIX%", prefix)


_ALL_AHEAD = b"//# allFunctionsCalledOnLoad\n"
"""Lets Chromium compile the whole script in the background (V8's explicit compile hints), which saves half a second."""


def register(server: Flask) -> None:
    """Add the route of plotly's script."""
    server.add_url_rule(PLOTLY, "plotly", _serve_plotly)


def plotly_script() -> bytes:
    """Plotly's script as it is served."""
    return _ALL_AHEAD + (pkgutil.get_data("plotly", "package_data/plotly.min.js") or b"")


def _serve_plotly() -> Response:
    response = Response(plotly_script(), mimetype="text/javascript")
    response.cache_control.max_age = 31_536_000  # its version is in its address
    return response
