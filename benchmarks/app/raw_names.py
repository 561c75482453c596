"""Looks for names that are not for people on every page, dialog and drawer and in the report.

`python -m benchmarks.app.raw_names WAREHOUSE ...`

A finding is a name joined by underscores, or an action as the log writes it where it has a label, anywhere but within
quotation marks, `code` and `pre`. Writes the roadmap's file of a warehouse that has none: give it copies.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, cast

import flask
from dash.development.base_component import Component

from dash_app import app as dash_app
from dash_app import plan_drafts
from dash_app.callbacks import dialog, planner, selections
from dash_app.data.snapshot import Snapshot
from dash_app.pages import PAGES
from dash_app.planning.export import to_markdown
from dash_app.server import print_view
from dash_app.services import Services
from grupa.report.write import write_report
from grupa_pipeline.exports.formats import ReportFormat
from grupa_pipeline.settings import Settings

_JOINED = re.compile(r"(?<![\w/.-])[^\W_]\w*_\w+")
_QUOTED = re.compile(r"“[^”]*”")
_UNSEEN = {"id", "className", "style", "href", "type", "columnDefs", "config", "key", "value", "src", "field", "meta"}
"""Properties that nobody reads."""
_QUOTES = ("Code", "Pre")
_MOST_EVIDENCE = 40


def main() -> int:
    """Print the findings of each warehouse; returns 1 where there are any."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("warehouses", nargs="+", type=Path)
    found = 0
    for folder in arguments.parse_args().warehouses:
        findings = Counter(scan(Settings(warehouse=folder.resolve(), llm=None)))
        found += len(findings)
        print(f"{folder.name}: {len(findings)} kinds of raw names")
        for (place, name, around), times in findings.most_common():
            print(f"  {place}: {name} ({times}): {around}")
    return 1 if found else 0


def scan(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Findings in a warehouse: where, the name, and some of the text around it."""
    services = dash_app._open(settings)
    object.__setattr__(services, "current_user", lambda: "somebody")
    with flask.Flask("scan").test_request_context():
        shown = services.snapshot(None)
        if shown is None:
            return
        ids, actions = _user_ids(services, shown), _actions(shown)
        for place, tree in views(services, shown):
            for text in texts(tree):
                for name in raw_names(_QUOTED.sub("“”", text), actions) - ids:
                    at = text.index(name)
                    yield place, name, " ".join(text[max(0, at - 40) : at + 60].split())


def views(services: Services, shown: Snapshot) -> Iterator[tuple[str, Any]]:
    """Everything that the app and the report show of a snapshot, by place."""
    for path, build in PAGES.items():
        yield f"page {path}", build(services, shown, None)
    where = {"path": "/", "snapshot": shown.day.isoformat()}
    yield "selection form", selections.open_segment(services, {"what": "new"}, where)
    for cluster in shown.clusters:
        chosen = {"what": "rule", "fields": {"clusters": [cluster.cluster_id]}}
        yield "selection", selections.open_segment(services, chosen, where)
        yield from _dialogs(services, shown, cluster.cluster_id)
        for insight in cluster.recommendations[:1]:
            drawer, draft, _ = planner.open_planner(services, {"plan": f"new:{insight.insight_id}"}, None, where, None)
            yield "planner", drawer
            if draft:
                plan = plan_drafts.from_store(draft)
                yield "brief", re.sub(r"`[^`]*`", "", to_markdown([plan]))
                yield "print view", _html_text(print_view.page([plan]))
    out = services.settings.warehouse / "raw-names.html"
    try:
        write_report(
            services.settings, day=None, cluster_id=None, roadmap_only=False, file_format=ReportFormat.HTML, out=out
        )
        yield "report", _html_text(out.read_text(encoding="utf-8"))
    finally:
        out.unlink(missing_ok=True)


def _dialogs(services: Services, shown: Snapshot, cluster_id: str) -> Iterator[tuple[str, Any]]:
    cluster = shown.cluster(cluster_id)
    asked = [("differences", cluster_id), ("choice", ""), ("typical", f"{cluster_id} 0"), ("rename", cluster_id)]
    asked += [("compare", f"{cluster_id} {other.cluster_id}") for other in shown.clusters[:1]]
    asked += (
        [("evidence", f"{cluster_id} {each.evidence_id}") for each in cluster.evidence[:_MOST_EVIDENCE]]
        if cluster
        else []
    )
    for funnel in cluster.journeys.funnels if cluster else ():
        asked += [("step", f"{cluster_id} {place} {funnel.goal}") for place in range(len(funnel.steps) - 1)]
    with services.database.connect() as con:
        users = con.execute(
            "SELECT min(user_id) FROM user_clusters WHERE snapshot_date = ? AND cluster_id IN (?) GROUP BY cluster_id",
            [shown.day, cluster_id],
        ).fetchall()
    asked += [("user", user) for (user,) in users]
    for what, of in asked:
        content = dialog.CONTENTS[what](services, shown, of)
        if content:
            yield f"dialog {what}", list(content)


def texts(tree: Any) -> Iterator[str]:
    """The texts of components, and of the components in their properties, that people read."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name not in _UNSEEN:
                yield from texts(value)
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from texts(each)
    elif isinstance(tree, Component) and tree._type not in _QUOTES:
        properties: dict[str, Any] = cast(Any, tree).to_plotly_json()["props"]
        if tree._type == "Graph":
            properties = {"figure": _figure_texts(properties.get("figure"))}
        if tree._type == "Store" and not any(isinstance(each, Component) for each in _values(properties.get("data"))):
            return
        yield from texts({name: value for name, value in properties.items() if name not in _UNSEEN})


def raw_names(text: str, actions: re.Pattern[str] | None) -> set[str]:
    """Names joined by underscores, and actions as the log writes them."""
    found = {each.group() for each in _JOINED.finditer(text)}
    return found | {each.group() for each in actions.finditer(text)} if actions else found


def _values(data: Any) -> list[Any]:
    return list(data.values()) if isinstance(data, dict) else data if isinstance(data, list) else []


def _figure_texts(figure: Any) -> list[str]:
    """What a figure shows: titles, names and labels of its parts."""
    if figure is None:
        return []
    read = figure.to_plotly_json() if hasattr(figure, "to_plotly_json") else figure
    names = [str(trace.get("name") or "") for trace in read.get("data", ())]
    labels = [str(each.get("text") or "") for each in read.get("layout", {}).get("annotations", ())]
    return [re.sub(r"<[^>]*>", "", unescape(each)) for each in (*names, *labels)]


def _html_text(page: str) -> str:
    """The text of an HTML page, without what it quotes."""
    bare = re.sub(r"(?s)<(style|script|code|pre)\b.*?</\1>", " ", page)
    return unescape(re.sub(r"(?s)<[^>]*>", " ", bare))


def _user_ids(services: Services, shown: Snapshot) -> set[str]:
    with services.database.connect() as con:
        rows = con.execute("SELECT user_id FROM user_clusters WHERE snapshot_date = ?", [shown.day]).fetchall()
    return {user for (user,) in rows}


def _actions(shown: Snapshot) -> re.Pattern[str] | None:
    """Actions that have another label, and are no plain word."""
    labels = shown.labels.labels
    names = [each for each, label in labels.items() if each.casefold() != label.casefold() and not each.isalpha()]
    names += [each for each, label in labels.items() if each.isalpha() and " " in label]  # ApplicationSent
    alternatives = "|".join(re.escape(each) for each in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)") if names else None


if __name__ == "__main__":
    raise SystemExit(main())
