import json

import pyarrow as pa

from grupa_pipeline.defs.asset_metadata import draw_grid, grid_metadata, outcome_metadata
from grupa_pipeline.segmentation.grid_labels import COLUMNS, EARLIER_COLUMNS


def candidate(
    number: int, parameters: dict[str, object], verdict: str, *, stability: float | None, chosen: bool
) -> dict[str, object]:
    scores = {"dbcv": 0.415, "stability": stability, "score": 0.5}
    shares = {"cluster_count": 4, "largest_share": 0.305, "unassigned_share": 0.02}
    given = json.dumps(parameters)
    return {"candidate": number, "parameters": given, **shares, **scores, "verdict": verdict, "chosen": chosen}


GRID = pa.Table.from_pylist(
    [
        candidate(2, {"cells_from": "k-means", "cells": 40}, "passed", stability=0.9, chosen=True),
        candidate(1, {"cells_from": "hdbscan_leaf", "cells": 1031}, "unstable", stability=None, chosen=False),
    ]
)
DENSITY = {"min_cluster_size": 24, "min_samples": 5, "n_neighbors": 15, "cluster_selection_method": "leaf"}
EARLIER_GRID = pa.Table.from_pylist(
    [
        candidate(1, DENSITY, "passed", stability=0.9, chosen=True),
        candidate(2, DENSITY, "unstable", stability=0.4, chosen=False),
        candidate(3, DENSITY, "one_big_cluster", stability=None, chosen=False),
    ]
)


def outcome(**changes: object) -> pa.Table:
    return pa.Table.from_pylist([{"status": "ok", "reason": None, "null_p_value": 0.0001} | changes])


def test_the_grid_is_a_table_in_markdown_in_its_order_with_the_chosen_one_marked() -> None:
    heads, rule, first, chosen = draw_grid(GRID).splitlines()
    assert heads == f"| No. | {' | '.join(COLUMNS)} |"
    assert rule.count("---") == len(COLUMNS) + 1
    assert first == (
        "| 1 | dense spots of the map (HDBSCAN leaves) | 1,031 | 4 | 30% | 2% | 0.41 | – | 0.50 |"
        " does not hold when checked again |"
    )
    assert chosen.startswith("| **2 (chosen)** | **equal cells (k-means)** | **40** |")
    assert chosen.endswith("| **passed** |")


def test_a_grid_of_an_earlier_release_is_shown_with_what_it_has() -> None:
    heads, _, chosen, *others = draw_grid(EARLIER_GRID).splitlines()
    assert heads == f"| No. | {' | '.join(EARLIER_COLUMNS)} |"
    assert chosen.startswith("| **1 (chosen)** | **HDBSCAN** | **–** | **4** |")
    assert [row.split(" | ")[-1] for row in others] == ["too unstable |", "one cluster holds most users |"]
    assert outcome_metadata(outcome(), EARLIER_GRID)["chosen_candidate"] == (
        "1: cluster_selection_method leaf, min_cluster_size 24, min_samples 5, n_neighbors 15"
    )


def test_the_outcome_has_its_reason_and_the_chosen_candidate() -> None:
    assert outcome_metadata(outcome(), GRID) == {
        "status": "ok",
        "reason": "",
        "null_p_value": 0.0001,
        "chosen_candidate": "2: cells 40, cells_from k-means",
    }
    weak = outcome_metadata(outcome(status="weak_structure", reason="No clearer than chance."), GRID)
    assert (weak["status"], weak["reason"]) == ("weak_structure", "No clearer than chance.")


def test_an_empty_grid_has_a_sentence() -> None:
    none = outcome_metadata(outcome(status="too_few_users", reason="Only 12.", null_p_value=None), GRID.slice(0, 0))
    assert (none["chosen_candidate"], none["null_p_value"]) == ("", None)
    assert grid_metadata(GRID.slice(0, 0))["grid"].value.startswith("Nothing was tried")
