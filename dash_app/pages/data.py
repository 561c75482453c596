"""The Data page: upload a log, see the report on it, watch the pipeline, download rejected rows.

Only the frame; callbacks fill in its sections from the disk and from Dagster.
"""

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app.components import uploads
from dash_app.components.elements import aria
from dash_app.data.snapshot import Snapshot
from dash_app.services import Services


def build(services: Services, snapshot: Snapshot | None, selected: str | None) -> Component:
    """The page; it is the same whatever the snapshot."""
    return page()


def page() -> Component:
    """The page before its parts are filled."""
    return html.Div(
        [
            html.H1("Data", className="shown-title"),
            html.Section(uploads.drop_zone(), className="sheet page-sheet", **aria(label="Upload a log")),
            html.Div(id="uploads"),
            html.Section([html.H2("Pipeline"), html.Div(_loading(), id="pipeline")], className="sheet page-sheet"),
            html.Section([html.H2("Ingested logs"), html.Div(_loading(), id="files")], className="sheet page-sheet"),
            dcc.Interval(id="data-tick", interval=2_000),
            dcc.Store(id="data-act"),
            dcc.Store(id="data-seen"),
        ],
        className="data-page",
    )


def _loading() -> Component:
    return html.Div(dmc.Skeleton(height=60), **aria(busy="true"))
