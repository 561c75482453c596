"""Opens the draft of every recommendation of a log, and counts what a person sees at the top of the drawer.

A log is run through the pipeline once, or read from a warehouse that has it.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import flask

from dash_app import plan_options
from dash_app.components.planner import drawer as planner_components
from dash_app.data.database import Database
from dash_app.data.snapshot import Snapshot
from dash_app.planning.baseline import BaselineError
from dash_app.planning.design import SizeError
from dash_app.planning.duration import DurationError
from dash_app.planning.plan import PlanError
from dash_app.roadmap.store import Roadmap
from dash_app.services import Services
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.warehouse import PIPELINE_FILE


@dataclass(frozen=True)
class DraftCounts:
    """Drafts of one log.

    Attributes:
        drafts: Recommendations.
        runnable: Runnable within eight weeks on a goal or step rate.
        other: Runnable on a count or a time alone.
        told: Those not runnable on a goal or step rate that say so at the top, with what to do instead.
        untold: Those that are neither.
        failed: Not opened at all.
        reachable: Whether any audience has the users for a 10% effect on a goal or step rate.
        first_s: Seconds to the first draft of the process.
        median_s: Median seconds of the others.
    """

    drafts: int
    runnable: int
    other: int
    told: int
    untold: int
    failed: int
    reachable: int
    first_s: float
    median_s: float


def count_drafts(folder: Path) -> DraftCounts:
    """Open every recommendation of the newest snapshot in the warehouse `folder`."""
    database = Database(folder / PIPELINE_FILE)
    roadmap = Roadmap(folder)
    roadmap.ensure()
    services = Services(Settings(warehouse=folder), database, roadmap, lambda: "benchmark")
    shown = services.snapshot(None)
    assert shown is not None
    counts = dict.fromkeys(("runnable", "other", "told", "untold", "failed", "reachable"), 0)
    times = []
    with flask.Flask("benchmark").test_request_context():
        for cluster in shown.clusters:
            for insight in cluster.recommendations:
                start = perf_counter()
                try:
                    draft = plan_options.new_draft(services, shown, cluster, insight)
                except (BaselineError, DurationError, PlanError, SizeError):
                    counts["failed"] += 1
                    continue
                times.append(perf_counter() - start)
                plan = draft.sizing.plan
                is_rate = shown.catalog[plan.primary_metric].group.is_rate
                counts["runnable"] += bool(plan.feasible and is_rate)
                counts["other"] += bool(plan.feasible and not is_rate)
                counts["told"] += not draft.fits and _says_first(draft, shown)
                counts["untold"] += not (plan.feasible and is_rate) and not (
                    not draft.fits and _says_first(draft, shown)
                )
                options, _ = plan_options.compare(services, shown, cluster, insight)
                rates = [each for each in options if each.candidate.group.is_rate and each.smallest is not None]
                counts["reachable"] += any((each.smallest or 1) <= 0.1 for each in rates)
    others = sorted(times[1:]) or [0.0]
    first = times[0] if times else 0.0
    return DraftCounts(drafts=len(times) + counts["failed"], first_s=first, median_s=others[len(others) // 2], **counts)


def _says_first(draft: plan_options.Draft, shown: Snapshot) -> bool:
    """Whether the drawer begins with why nothing fits, and offers the three things to do instead."""
    drawer = str(
        planner_components.planner(
            draft.sizing, None, shown.catalog, options=draft.options, fits=draft.fits, nearest=draft.nearest
        )
    )
    at = [drawer.find(words) for words in ("in eight weeks here", "a plausible effect here")]
    first = max(at)
    offers = ("Talk to typical users", "compare before with after", "Plan it for a bigger audience")
    return 0 <= first < drawer.find("Planning only") and all(drawer.find(each) > first for each in offers)
