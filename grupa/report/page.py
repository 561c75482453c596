"""The report as one HTML document: no scripts, nothing fetched, laid out for a screen and for A4 paper."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from dash_app import formatting
from dash_app.components.rule_words import rule_words
from dash_app.data.snapshot import Cluster, Evidence, Insight, Snapshot
from dash_app.figures.colors import look
from dash_app.planning.plan import Plan
from dash_app.server.print_view import rendered_brief
from grupa.report import drawings, values
from grupa.report.content import ReportContent
from grupa.report.style import STYLE
from grupa_pipeline.settings import SettingError

_IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
"""Types of pictures by suffix; what `mimetypes` knows differs from machine to machine."""
_MOST_EVIDENCE = 8
_MOST_FUNNELS = 2
_MOST_OF_EACH = 2
"""Pain points and strengths of each cluster where all are described, beside one recommendation; the first by rank."""


@dataclass(frozen=True)
class Letterhead:
    """What the settings put on every report: the logo as a data address (None: none) and the colour of its lines."""

    logo: str | None = None
    color: str = "#2F5FD0"

    @classmethod
    def of(cls, logo: Path | None, color: str) -> "Letterhead":
        """The letterhead with the picture at `logo`.

        Raises:
            SettingError: There is no such picture.
        """
        if logo is None:
            return cls(None, color)
        kind = _IMAGES.get(logo.suffix.lower())
        if kind is None or not logo.is_file():
            raise SettingError(f"GRUPA_REPORT_LOGO is {logo}; give a picture that is there: {', '.join(_IMAGES)}.")
        return cls(f"data:{kind};base64,{base64.b64encode(logo.read_bytes()).decode()}", color)


def write_page(content: ReportContent, letterhead: Letterhead, now: datetime) -> str:
    """The whole document."""
    title, parts = _title(content), []
    if content.snapshot and content.selected is None:
        parts.append(_overview(content, content.snapshot))
    parts += [_cluster(content, content.snapshot, each) for each in content.clusters if content.snapshot]
    parts.append(_plans(content.plans, alone=content.snapshot is None))
    logo = f'<img class="logo" src="{letterhead.logo}" alt="">' if letterhead.logo else ""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>:root {{ --accent: {letterhead.color}; }} {STYLE}</style>"
    )
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body>'
        f'<header class="letterhead">{logo}<div><h1>{escape(title)}</h1>{_dated(content.snapshot, now)}</div></header>'
        f"<main>{''.join(parts)}</main></body></html>"
    )


def _title(content: ReportContent) -> str:
    if content.selected:
        return content.selected.name
    return "Groups of users" if content.snapshot else "Test roadmap"


def _dated(snapshot: Snapshot | None, now: datetime) -> str:
    made = f"Report of <time>{formatting.moment(now)}</time>"
    if snapshot is None:
        return f"<p>{made}. Plans only; nothing is live.</p>"
    last = formatting.day(snapshot.day)
    since = formatting.day(snapshot.window_start)
    return f"<p>Snapshot of <time>{last}</time>, of the events since <time>{since}</time>. {made}.</p>"


def _overview(content: ReportContent, snapshot: Snapshot) -> str:
    facts = values.facts(
        {
            "users": values.count(snapshot.users),
            "events": values.count(snapshot.events),
            "groups": values.count(len(snapshot.clusters)),
            "in no group": values.share(snapshot.unassigned_share),
        }
    )
    reason = f"<p>{values.text(snapshot.reason)}</p>" if snapshot.reason else ""
    goal = snapshot.goal_rates
    heads = ("Group", "Users", "Share", *([f"Reach “{goal.label}”"] if goal else []), "First pain point")
    rows = [
        (
            f'<span class="dot" style="background:{look(each.color_slot).color}"></span>{values.text(each.name)} '
            f"<small>{each.cluster_id}</small>",
            values.count(each.size),
            values.share(each.share),
            *([values.share(each.goal_rate)] if goal else []),
            values.text(each.pain_points[0].title) if each.pain_points else "",
        )
        for each in content.clusters
    ]
    return (
        f"<section>{facts}{reason}{_map(content)}"
        + values.table(heads, rows, kind="groups")
        + "</section>"
        + _everyones_funnels(snapshot)
    )


def _map(content: ReportContent) -> str:
    if content.points is None or not content.points.user_id:
        return ""
    chosen = content.selected.cluster_id if content.selected else None
    drawing = drawings.map_svg(content.points, content.snapshot.clusters if content.snapshot else (), chosen)
    note = "Each dot is a user; users close to each other behave alike. Grey: in another group or in none."
    return f"<figure>{drawing}<figcaption>{note}</figcaption></figure>"


def _everyones_funnels(snapshot: Snapshot) -> str:
    funnels = snapshot.journeys[None].funnels[:_MOST_FUNNELS] if None in snapshot.journeys else ()
    if not funnels:
        return ""
    bars = "".join(drawings.funnel_html(each, "var(--accent)", of_cluster=False) for each in funnels)
    return f"<section><h2>How far everyone gets</h2>{bars}</section>"


def _cluster(content: ReportContent, snapshot: Snapshot, cluster: Cluster) -> str:
    color = look(cluster.color_slot).color
    funnels = cluster.journeys.funnels[:_MOST_FUNNELS]
    bars = "".join(drawings.funnel_html(each, color, of_cluster=True) for each in funnels)
    facts = {"users": values.count(cluster.size), "of all users": values.share(cluster.share)}
    goal = snapshot.goal_rates
    if goal and cluster.goal_rate is not None:
        facts |= {
            f"reach “{goal.label}”": values.share(cluster.goal_rate),
            "of everyone": values.share(goal.everyone),
        }
    is_alone = content.selected is not None
    name = "" if is_alone else f'<h2 style="border-color:{color}">{values.text(cluster.name)}</h2>'
    most = None if is_alone else _MOST_OF_EACH
    rule = rule_words(cluster, snapshot.catalog)
    parts = [
        ("Where they get lost", bars),
        ("Pain points", _insights(cluster, cluster.pain_points[:most])),
        ("Recommendations", _insights(cluster, cluster.recommendations[: most and 1])),
        ("Strengths", _insights(cluster, cluster.strengths[:most])),
        ("What sets them apart", _evidence_table(cluster.evidence[:_MOST_EVIDENCE]) if is_alone else ""),
    ]
    body = "".join(f"<h3>{title}</h3>{part}" for title, part in parts if part)
    return (
        f'<section class="cluster">{name}{values.facts(facts)}<p class="summary">{values.text(cluster.summary)}</p>'
        f"{f'<p><b>As a rule:</b> {values.text(rule)}</p>' if rule else ''}"
        f"{_map(content) if is_alone else ''}{body}</section>"
    )


def _insights(cluster: Cluster, insights: Sequence[Insight]) -> str:
    return "".join(
        f'<article class="insight"><h4>{values.text(each.title)}</h4><p>{values.text(each.body)}</p>'
        f"{''.join(_details(each))}{_cited(cluster, each)}</article>"
        for each in insights
    )


def _details(insight: Insight) -> Iterator[str]:
    """What a recommendation says beyond its text, and that a finding is tentative."""
    for name, said in (
        ("Change", insight.change),
        ("Hypothesis", insight.hypothesis),
        ("Cheapest test", insight.cheapest_test),
        ("What must not get worse", insight.guardrail),
        ("Proved wrong by", insight.falsified_by),
    ):
        if said:
            yield f"<p><b>{name}:</b> {values.text(said)}</p>"
    if insight.replicated is False:
        yield "<p><b>Tentative:</b> it does not hold in every part of the data.</p>"


def _cited(cluster: Cluster, insight: Insight) -> str:
    """The numbers it rests on; of a recommendation their ids alone, for the finding that it addresses shows them."""
    evidence = cluster.evidence_of(insight)
    if not insight.addresses:
        return _evidence_table(evidence)
    return (
        f"<p><small>Evidence: {', '.join(f'<code>{escape(each.evidence_id)}</code>' for each in evidence)}</small></p>"
    )


def _evidence_table(evidence: Sequence[Evidence]) -> str:
    if not evidence:
        return ""
    rows = [
        (
            values.text(formatting.capital(each.label)),
            values.quantity(each.cluster_value, each.unit),
            values.quantity(each.rest_value, each.unit),
            f"{values.score(each.effect_size)} <small>({values.score(each.ci_low)} to {values.score(each.ci_high)})</small>",
            f"<code>{escape(each.evidence_id)}</code>",
        )
        for each in evidence
    ]
    return values.table(("Measure", "This group", "Others", "Effect (interval)", "Evidence"), rows, kind="evidence")


def _plans(plans: Sequence[Plan], *, alone: bool) -> str:
    if not plans:
        return "<section><p>There are no plans on the roadmap.</p></section>" if alone else ""
    briefs = "".join(f'<article class="brief">{rendered_brief(plan.brief)}</article>' for plan in plans)
    return f"<section><h2>{'Plans' if alone else 'Planned tests'}</h2>{briefs}</section>"
