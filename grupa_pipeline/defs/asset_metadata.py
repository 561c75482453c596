"""What Dagster shows of how a snapshot's clusters were chosen, beside the assets that hold it. The app tells it longer."""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from grupa_pipeline.segmentation.grid_labels import COLUMNS, SELECTIONS, VERDICTS


def outcome_metadata(segmentations: pa.Table, candidates: pa.Table) -> dict[str, Any]:
    """Status, reason, null p-value and chosen candidate of one snapshot: one row of `segmentations` and its grid."""
    [found] = segmentations.to_pylist()
    return {
        "status": found["status"],
        "reason": found["reason"] or "",
        "null_p_value": found["null_p_value"],
        "chosen_candidate": _chosen(candidates),
    }


def grid_metadata(candidates: pa.Table) -> dict[str, Any]:
    """The grid of one snapshot as a table in Markdown, and the chosen candidate."""
    return {"chosen_candidate": _chosen(candidates), "grid": dg.MetadataValue.md(draw_grid(candidates))}


def draw_grid(candidates: pa.Table) -> str:
    """The grid of one snapshot in Markdown, in its stored order; the chosen candidate is bold and says so."""
    rows = candidates.sort_by("candidate").to_pylist()
    if not rows:
        return "Nothing was tried: there was too little to look for groups in."
    heads = ("No.", *COLUMNS)
    return "\n".join(_line(each) for each in (heads, ["---"] * len(heads), *(_cells(row) for row in rows)))


def _chosen(candidates: pa.Table) -> str:
    """The chosen candidate in a line; empty where nothing was tried."""
    for row in candidates.to_pylist():
        if row["chosen"]:
            told = (f"{name} {value}" for name, value in sorted(json.loads(row["parameters"]).items()))
            return f"{row['candidate']}: {', '.join(told)}"
    return ""


def _cells(row: dict[str, Any]) -> list[str]:
    given = json.loads(row["parameters"])
    cells = [
        f"{row['candidate']}{' (chosen)' if row['chosen'] else ''}",
        str(given["n_neighbors"]),
        str(given["min_cluster_size"]),
        str(given["min_samples"]),
        SELECTIONS.get(given["cluster_selection_method"], given["cluster_selection_method"]),
        str(row["cluster_count"]),
        f"{row['largest_share']:.0%}",
        f"{row['unassigned_share']:.0%}",
        *("–" if row[score] is None else f"{row[score]:.2f}" for score in ("dbcv", "stability", "score")),
        VERDICTS.get(row["verdict"], row["verdict"]),
    ]
    return [f"**{cell}**" for cell in cells] if row["chosen"] else cells


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
