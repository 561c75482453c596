import pyarrow as pa

from grupa_pipeline.defs.asset_metadata import draw_grid, grid_metadata, outcome_metadata
from grupa_pipeline.segmentation.grid_labels import COLUMNS


def candidate(number: int, selection: str, verdict: str, *, stability: float | None, chosen: bool) -> dict[str, object]:
    given = f'"min_cluster_size": 24, "min_samples": 5, "n_neighbors": 15, "cluster_selection_method": "{selection}"'
    scores = {"dbcv": 0.415, "stability": stability, "score": 0.5}
    shares = {"cluster_count": 4, "largest_share": 0.305, "unassigned_share": 0.02}
    return {"candidate": number, "parameters": f"{{{given}}}", **shares, **scores, "verdict": verdict, "chosen": chosen}


GRID = pa.Table.from_pylist(
    [
        candidate(2, "leaf", "passed", stability=0.9, chosen=True),
        candidate(1, "eom", "unstable", stability=None, chosen=False),
    ]
)


def outcome(**changes: object) -> pa.Table:
    return pa.Table.from_pylist([{"status": "ok", "reason": None, "null_p_value": 0.0001} | changes])


def test_the_grid_is_a_table_in_markdown_in_its_order_with_the_chosen_one_marked() -> None:
    heads, rule, first, chosen = draw_grid(GRID).splitlines()
    assert heads == f"| No. | {' | '.join(COLUMNS)} |"
    assert rule.count("---") == len(COLUMNS) + 1
    assert first == ("| 1 | 15 | 24 | 5 | longest-lived (eom) | 4 | 30% | 2% | 0.41 | – | 0.50 | too unstable |")
    assert chosen.startswith("| **2 (chosen)** | **15** |")
    assert chosen.endswith("| **passed** |")


def test_the_outcome_has_its_reason_and_the_chosen_candidate() -> None:
    assert outcome_metadata(outcome(), GRID) == {
        "status": "ok",
        "reason": "",
        "null_p_value": 0.0001,
        "chosen_candidate": "2: cluster_selection_method leaf, min_cluster_size 24, min_samples 5, n_neighbors 15",
    }
    weak = outcome_metadata(outcome(status="weak_structure", reason="No clearer than chance."), GRID)
    assert (weak["status"], weak["reason"]) == ("weak_structure", "No clearer than chance.")


def test_an_empty_grid_has_a_sentence() -> None:
    none = outcome_metadata(outcome(status="too_few_users", reason="Only 12.", null_p_value=None), GRID.slice(0, 0))
    assert (none["chosen_candidate"], none["null_p_value"]) == ("", None)
    assert grid_metadata(GRID.slice(0, 0))["grid"].value.startswith("Nothing was tried")
