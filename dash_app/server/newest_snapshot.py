"""The route that `watch.js` polls to notice a newer snapshot."""

from flask import Flask, Response, jsonify

from dash_app import formatting
from dash_app.data.loading import load_newest
from dash_app.server import plan_tracking
from dash_app.services import Services
from grupa_pipeline.storage.warehouse import DamagedWarehouseError, NoWarehouseError


def register(server: Flask, services: Services) -> None:
    """Add the route."""
    seen: set[object] = set()
    server.add_url_rule("/news", "news", lambda: news(services, seen))


def news(services: Services, seen: set[object]) -> Response:
    """`{"made", "day"}` of the newest snapshot: when it was made, in words that are only compared, and its day as people read it.

    Costs the reading of a link while nothing is published. Both are null where there is no snapshot, or none that opens:
    then the page itself says what is wrong. Shipped plans are measured again in the background when `made` is not among `seen`.
    """
    try:
        newest = services.database.query(load_newest)
    except (NoWarehouseError, DamagedWarehouseError):
        newest = None
    day, made = newest or (None, None)
    if made is not None and made not in seen:
        seen.add(made)
        plan_tracking.track_in_background(services)
    return jsonify(made=made and made.isoformat(), day=day and formatting.day(day))
