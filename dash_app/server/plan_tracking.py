"""Measures shipped plans again in the snapshots after them, keeps what is found with the plans, and prepares the next drafts.

No components, no SQL, no formulas. Runs in the background when the app starts, and when it sees a new snapshot.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Lock, Timer

from dash_app import plan_drafts
from dash_app.data import baselines
from dash_app.data.loading import load_catalog
from dash_app.planning.baseline import FEWEST_DAYS, BaselineError, baseline_window
from dash_app.planning.decisions import finished
from dash_app.planning.duration import DurationError
from dash_app.planning.plan import Plan
from dash_app.roadmap.store import UnknownPlanError
from dash_app.services import Services
from grupa_pipeline.storage.audit_log import Actor, act_as
from grupa_pipeline.storage.warehouse import DamagedWarehouseError, NoWarehouseError
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind, Decision, TrackedValue

log = logging.getLogger(__name__)

APP = "Grupa"
"""Who the revisions are by that the app makes itself."""
_PREPARED_USERS = 200_000
"""More are measured when somebody asks for a draft: they need gigabytes."""
_PAUSE = 20.0
"""Seconds until the measuring begins, so that it takes no time from the page that somebody opens first."""
_running = Lock()


def track_in_background(services: Services) -> None:
    """Start `track_shipped` in a thread, in a while; does nothing while one is at work or about to be."""
    if _running.acquire(blocking=False):
        timer = Timer(_PAUSE, _track_and_release, [services])
        timer.daemon = True
        timer.start()


def track_shipped(services: Services) -> int:
    """Measure every shipped plan in the snapshots since; returns for how many there was something new."""
    changed = 0
    for plan in finished(services.roadmap.plans()):
        if plan.decision is not Decision.SHIP or plan.result is None or plan.decided_at is None:
            continue
        held = plan.tracking.values if plan.tracking else ()
        new = tuple(_values_since(services, plan, plan.decided_at))
        if new:
            services.roadmap.track(plan.plan_id, (*held, *new), APP)
            changed += 1
    return changed


def prepare_drafts(services: Services) -> None:
    """Measure everyone for the newest snapshot's baselines: the part of a draft that takes seconds, and that all drafts share."""
    shown = services.snapshot(None)
    if shown is None or shown.users > _PREPARED_USERS:
        return
    everyone = Audience(AudienceKind.EVERYONE)
    try:
        plan_drafts.population_of(services, shown.day, everyone)
        plan_drafts.enrolment(services, shown.day, everyone)
    except (BaselineError, DurationError) as error:
        log.info("drafts are not prepared: %s", error)


def _track_and_release(services: Services) -> None:
    act_as(Actor(APP, through="app"))
    try:
        prepare_drafts(services)
        track_shipped(services)
        plan_drafts.calibration_of(services, ())  # kept for the page Learnings
    except (NoWarehouseError, DamagedWarehouseError, UnknownPlanError) as error:
        log.info("shipped plans are not measured again: %s", error)
    except Exception:
        log.exception("shipped plans are not measured again")
    finally:
        _running.release()


def _values_since(services: Services, plan: Plan, decided_at: datetime) -> Iterator[TrackedValue]:
    """The plan's metric on days after the change and after those that were measured; the days of no two overlap."""
    after = decided_at
    if plan.tracking and plan.tracking.values:
        after = max(after, datetime.combine(plan.tracking.values[-1].snapshot_date, datetime.max.time()))
    feature = services.database.query(load_catalog).get(plan.primary_metric)
    if feature is None:
        return
    first = after.date() + timedelta(days=FEWEST_DAYS)
    for day in sorted(day for day in services.days() if day >= first):
        try:
            _, end, first_event = services.database.query(baselines.load_window, day)
            window = baseline_window(first_event, end, plan.exposure_days)
            if not window.unseen or window.start < after:
                continue
            population = plan_drafts.population_of(
                services, day, plan.taking_part, plan.exposure_days, rules_of=plan.snapshot_date
            )
            found = baselines.measure_metric(population, feature)
        except (BaselineError, KeyError) as error:
            log.info("%s is not measured in the snapshot of %s: %s", plan.plan_id, day, error)
            continue
        if population.window.unseen and found.n:
            yield TrackedValue(day, found.value, found.low, found.high, found.n)
            after = end
