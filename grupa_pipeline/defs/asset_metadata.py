"""Metadata that Dagster shows beside the assets: what was ingested, how clusters were chosen, the map."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from grupa_pipeline.defs.charts import column_chart, row_chart
from grupa_pipeline.defs.map_preview import draw_map
from grupa_pipeline.palette import color_of
from grupa_pipeline.segmentation.grid_labels import COLUMNS, EARLIER_COLUMNS, label_candidate
from grupa_pipeline.storage.inbox import IngestResult
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import EVENTS, PUBLISHED_FILES

if TYPE_CHECKING:
    from grupa_pipeline.snapshots.build import AssetTables

_CHART_DAYS = 120
_FILE_FIELDS = ("file_name", "file_sha256", "rows_read", "rows_accepted", "rows_rejected", "rows_duplicate")


def ingest_metadata(publication: Publication, table: str, result: IngestResult) -> dict[str, Any]:
    """Rows of `table`, and what this run ingested, refused and left in the inbox."""
    if table == EVENTS.name:
        rows, picture = publication.count_events(), {"events_by_day": dg.MetadataValue.md(_draw_days(publication))}
    else:
        [rows], picture = publication.query(f"SELECT count(*) AS rows FROM {table}").to_pydict().get("rows", [0]), {}
    return picture | {
        "dagster/row_count": rows,
        "dagster/table_name": table,
        "files": [{name: getattr(file, name) for name in _FILE_FIELDS} for file in result.files],
        "refused": dict(result.refused),
        "notes": [note for file in result.files for note in file.notes],
        "waiting": dict(result.waiting),
    }


def _draw_days(publication: Publication) -> str:
    """Accepted events a day, of the last 120 days up to the last event."""
    rows = publication.query(
        f"""SELECT day::DATE AS day, coalesce(sum(rows), 0)::BIGINT AS events
            FROM (SELECT unnest(generate_series(last - {_CHART_DAYS - 1}, last, INTERVAL 1 DAY))::DATE AS day
                  FROM (SELECT max(day) AS last FROM {PUBLISHED_FILES.name} WHERE table_name = '{EVENTS.name}'))
            LEFT JOIN (SELECT day, rows FROM {PUBLISHED_FILES.name} WHERE table_name = '{EVENTS.name}') USING (day)
            GROUP BY 1 ORDER BY 1"""
    ).to_pylist()
    if not rows:
        return "No event has been accepted yet."
    counts = [row["events"] for row in rows]
    return column_chart(counts, str(rows[0]["day"]), str(rows[-1]["day"]), title="accepted events a day")


def size_metadata(rows: "AssetTables") -> dict[str, Any]:
    """Users of each cluster of the last snapshot of a run, the largest first, in the clusters' colours."""
    clusters = sorted(rows["clusters"][max(rows["clusters"])].to_pylist(), key=lambda row: (-row["size"], row["name"]))
    bars = [(row["name"], row["size"], color_of(row["color_slot"])) for row in clusters]
    return {"sizes": dg.MetadataValue.md(row_chart(bars, title="users of each cluster"))} if bars else {}


def map_metadata(rows: "AssetTables") -> dict[str, Any]:
    """The map of the last snapshot of a run as a picture."""
    last = max(rows["user_embeddings"])
    picture = draw_map(rows["user_embeddings"][last], rows["user_clusters"][last], rows["cluster_identities"][last])
    return {"map": dg.MetadataValue.md(picture)}


def outcome_metadata(segmentations: pa.Table, candidates: pa.Table) -> dict[str, Any]:
    """Status, reason, null p-value and chosen candidate of one snapshot: one row of `segmentations` and its grid."""
    [row] = segmentations.to_pylist()
    return {
        "status": row["status"],
        "reason": row["reason"] or "",
        "null_p_value": row["null_p_value"],
        "chosen_candidate": _chosen(candidates),
    }


def grid_metadata(candidates: pa.Table) -> dict[str, Any]:
    """The grid of one snapshot as a table in Markdown, and the chosen candidate."""
    return {"chosen_candidate": _chosen(candidates), "grid": dg.MetadataValue.md(draw_grid(candidates))}


def draw_grid(candidates: pa.Table) -> str:
    """The grid of one snapshot in Markdown, in its stored order; the chosen candidate is marked and bold."""
    rows = [row | {"parameters": json.loads(row["parameters"])} for row in candidates.sort_by("candidate").to_pylist()]
    if not rows:
        return "Nothing was tried: there was too little to look for groups in."
    heads = ("No.", *(COLUMNS if any("cells_from" in row["parameters"] for row in rows) else EARLIER_COLUMNS))
    return "\n".join(_line(cells) for cells in (heads, ["---"] * len(heads), *(_cells(row) for row in rows)))


def _chosen(candidates: pa.Table) -> str:
    """The chosen candidate in a line; empty where nothing was tried."""
    for row in candidates.to_pylist():
        if row["chosen"]:
            parameters = (f"{name} {value}" for name, value in sorted(json.loads(row["parameters"]).items()))
            return f"{row['candidate']}: {', '.join(parameters)}"
    return ""


def _cells(row: dict[str, Any]) -> list[str]:
    labels = label_candidate(row["parameters"], row["verdict"])
    cells = [
        f"{row['candidate']}{' (chosen)' if row['chosen'] else ''}",
        labels.source,
        labels.cells,
        str(row["cluster_count"]),
        f"{row['largest_share']:.0%}",
        f"{row['unassigned_share']:.0%}",
        *("–" if row[score] is None else f"{row[score]:.2f}" for score in ("dbcv", "stability", "score")),
        labels.verdict,
    ]
    return [f"**{cell}**" for cell in cells] if row["chosen"] else cells


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
