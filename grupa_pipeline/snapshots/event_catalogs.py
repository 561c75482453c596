"""The event catalogue of each day: what names, people, a model and users' histories say of every action in the window."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from grupa_pipeline import tables
from grupa_pipeline.aggregates.action_statistics import count_actions, count_orders
from grupa_pipeline.event_catalog.action_meanings import MAX_ACTIONS, ActionDraft, EventCatalog, catalog_rows
from grupa_pipeline.event_catalog.history_evidence import ActionOrder, HistoryCounts, read_histories
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.snapshots.engines import window_of_day
from grupa_pipeline.snapshots.event_drafts import RequestedDrafts, request_drafts
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.vocabulary.enums import Role

_COUNTED = ("action", "users", "events", "once", "last", "last_by_chance", "first")


def catalog_of_day(
    context: SnapshotContext, day: date, product: str, base_url: str | None
) -> tuple[pd.DataFrame, RequestedDrafts]:
    """Rows of `event_catalog` of one day, from the events in its window, and what a model was asked for it.

    `product` is what the team says of its product, `base_url` the address of the model's server.
    """
    roles = context.roles()
    with window_of_day(context, day, roles) as window:
        counted = count_actions(window, MAX_ACTIONS).to_pylist()
        orders = count_orders(window, [row["action"] for row in counted]).to_pylist()
        users = window.count_users().num_rows
    findings = read_histories(
        [HistoryCounts(**{name: row[name] for name in _COUNTED}) for row in counted],
        [ActionOrder(**row) for row in orders],
        users,
    )
    known = known_drafts(context.publication)
    requested = request_drafts(counted, findings, known, context.settings, product, base_url)
    rows = catalog_rows(_seen(counted, context.window(day)[0]), roles, findings, known | requested.drafts)
    return pd.DataFrame(rows, columns=list(tables.EVENT_CATALOG.column_names)), requested


def read_catalog(rows: pa.Table, context: SnapshotContext) -> EventCatalog:
    """The catalogue that a day's rows of `event_catalog` hold; without rows (of an earlier release) names decide."""
    return EventCatalog.of(rows.to_pylist(), context.roles())


def known_drafts(publication: Publication) -> dict[str, ActionDraft]:
    """What a model drafted for earlier snapshots, by action."""
    rows = publication.query("SELECT draft FROM event_catalog WHERE draft IS NOT NULL").to_pylist()
    drafts = [json.loads(row["draft"]) for row in rows]
    return {draft["action"]: ActionDraft(**{**draft, "role": Role(draft["role"])}) for draft in drafts}


def _seen(counted: Sequence[Mapping[str, Any]], start: datetime) -> list[dict[str, Any]]:
    return [
        {
            "action": row["action"],
            "users": row["users"],
            "events": row["events"],
            "first_seen_at": start + timedelta(microseconds=row["first_at"]),
            "last_seen_at": start + timedelta(microseconds=row["last_at"]),
        }
        for row in counted
    ]
