"""What pages and callbacks are given to work with: the gate to the tables, the roadmap, the settings. No behaviour."""

from dataclasses import dataclass
from datetime import date

from flask import request

from dash_app.data import snapshot as snapshots
from dash_app.data.gate import Gate
from dash_app.data.snapshot import Snapshot
from dash_app.roadmap import Roadmap
from grupa_pipeline.settings import Settings


@dataclass(frozen=True)
class Services:
    """One app's services.

    Attributes:
        settings: The settings it was made with.
        gate: Reads the warehouse.
        roadmap: Reads and writes plans and people's names for clusters.
    """

    settings: Settings
    gate: Gate
    roadmap: Roadmap

    def days(self) -> tuple[date, ...]:
        """Days of all snapshots, newest first.

        Raises:
            NoWarehouseError: Nothing has been published.
        """
        return self.gate.ask(snapshots.list_snapshots)

    def user(self) -> str:
        """Who is asking: the name that a trusted proxy gives, else nobody in particular."""
        if self.settings.trust_proxy:
            return request.headers.get("X-Remote-User", "").strip()[:80] or "somebody"
        return "local user"

    def snapshot(self, day: date | None) -> Snapshot | None:
        """The snapshot of `day` (None: the newest) with people's names over the pipeline's; None when there is none.

        Raises:
            NoWarehouseError: Nothing has been published.
        """
        if day is None:
            days = self.days()
            if not days:
                return None
            day = days[0]
        found = self.gate.ask(snapshots.load_snapshot, day)
        return found.renamed(self.roadmap.cluster_names()) if found else None
