"""Two browsers on one plan: random edits, comments and approvals, each on the revision that its browser last saw."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.planner import overlaps
from dash_app.planning.plan import PlanError
from dash_app.roadmap.store import Roadmap, StaleEditError
from grupa_pipeline.vocabulary.plan_fields import Arm

STEPS = 500


@dataclass
class Interleaved:
    """What came of the steps: `lost` and `stale` should be 0."""

    accepted: int = 0
    refused: int = 0
    lost: int = 0
    stale: int = 0


def interleave(folder: Path, seed: int = 31) -> Interleaved:
    """`STEPS` steps of two browsers, of which each reloads now and then."""
    rng = np.random.default_rng(seed)
    store = Roadmap(folder, require_approval=True, keep_days=1)
    store.ensure()
    draft = replace(overlaps.plans(3)[0][0], variants=(Arm("control"), Arm("treatment")))
    plan = store.add(draft, "browser 0")
    seen, told, made = [plan, plan], Interleaved(), {1: plan}
    for step in range(STEPS):
        at = int(rng.integers(2))
        who, mine = f"browser {at}", seen[at]
        newest = store.plan(plan.plan_id).revision
        try:
            match rng.choice(["edit", "edit", "comment", "approve", "reload"]):
                case "edit":
                    stored = store.save(replace(mine, name=f"name {step}", power=0.7 + step / 5000), mine.revision, who)
                case "approve":
                    stored = store.approve(plan.plan_id, mine.revision, who)
                case "comment":
                    store.comment(plan.plan_id, f"comment {step}", mine.revision, who)
                    told.accepted += 1
                    made[-step - 1] = mine
                    continue
                case _:
                    seen[at] = store.plan(plan.plan_id)
                    continue
        except (StaleEditError, PlanError):
            told.refused += 1
            continue
        told.accepted += 1
        told.stale += mine.revision != newest
        seen[at] = made[stored.revision] = stored
    kept = {each.revision: each for each in store.history(plan.plan_id)}
    said = {each.text for each in store.comments(plan.plan_id)}
    told.lost = sum(kept.get(at) != stored for at, stored in made.items() if at > 0)
    told.lost += sum(f"comment {-at - 1}" not in said for at in made if at < 0)
    return told
