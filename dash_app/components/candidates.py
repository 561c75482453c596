"""The ways of grouping that were tried for a snapshot, as a table, and why one was chosen. Pure functions."""

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements
from dash_app.components.elements import aria
from dash_app.components.html_tables import table
from dash_app.data.choice import CandidateRow, Choice
from dash_app.data.snapshot import Snapshot
from grupa_pipeline.segmentation.grid_labels import COLUMNS, EARLIER_COLUMNS


def candidate_table(choice: Choice, snapshot: Snapshot) -> list[Component]:
    """Why the chosen way of grouping was chosen, and all of them with their scores; nothing where none was tried."""
    chosen = choice.chosen
    if chosen is None:
        return []
    earlier = choice.null_sets is not None
    heads = EARLIER_COLUMNS if earlier else COLUMNS
    rows = [_row(each) for each in sorted(choice.candidates, key=lambda each: (not each.chosen, -each.score))]
    return [
        html.H4("One way of grouping was tried" if len(rows) == 1 else f"{len(rows)} ways of grouping were tried"),
        html.P(f"{_tried_on(choice)} {_why(choice, chosen)} {_left_out(chosen, snapshot)}".strip()),
        table(("No.", *heads), rows, label="Every way of grouping, the chosen one first, then the best"),
        *([] if earlier else [html.Details([html.Summary("What the columns mean"), html.Ul(_meanings(choice))])]),
    ]


def _row(candidate: CandidateRow) -> Component:
    number = [formatting.count(candidate.number)]
    values = (
        candidate.labels.source,
        candidate.labels.cells,
        formatting.count(candidate.cluster_count),
        formatting.percent(candidate.largest_share),
        formatting.percent(candidate.unassigned_share),
        formatting.score(candidate.dbcv),
        formatting.score(candidate.stability),
        formatting.score(candidate.score),
        candidate.labels.verdict,
    )
    cells = [html.Td(each) for each in values]
    if not candidate.chosen:
        return html.Tr([html.Th(number, scope="row"), *cells])
    return html.Tr(
        [html.Th([*number, " ", elements.badge("chosen", "good")], scope="row"), *cells],
        className="chosen",
        **aria(current="true"),
    )


def _tried_on(choice: Choice) -> str:
    if choice.tried_on < choice.users:
        return (
            f"Each was tried on {formatting.users(choice.tried_on)} who stand for all {formatting.count(choice.users)}."
        )
    return f"Each was tried on all {formatting.users(choice.users)} with enough events."


def _why(choice: Choice, chosen: CandidateRow) -> str:
    """Why the chosen one was, as `segmentation.selection.choose` decides."""
    passed = choice.passed
    if not passed:
        return "None passed every check, so the best that was found is shown, to describe and not to divide."
    if choice.null_sets is not None:
        return f"{formatting.count(len(passed))} passed."
    if chosen.score < max(each.score for each in passed):
        return (
            f"{formatting.count(len(passed))} passed. The chosen one starts from the clusters of the day before: they stay while"
            f" they pass and no other way says over {formatting.quantity(choice.method['keep_margin'], 'share')} more of other"
            " sessions, so that clusters do not change for a trifle."
        )
    return f"{formatting.count(len(passed))} passed, and of those the chosen one says most of other sessions."


def _left_out(chosen: CandidateRow, snapshot: Snapshot) -> str:
    shown = len(snapshot.clusters)
    if shown >= chosen.cluster_count:
        return ""
    return (
        f"Of its {formatting.count(chosen.cluster_count)} clusters {formatting.count(shown)} are shown; the others did not hold up"
        " when checked, and their users are unassigned."
    )


def _meanings(choice: Choice) -> list[Component]:
    method = choice.method
    kappa, valley, unassigned = (
        formatting.number(method["min_kappa"]),
        formatting.quantity(method["max_valley"], "share"),
        formatting.quantity(method["max_unassigned"], "share"),
    )
    meanings = (
        ("Started from", "what the users were first cut into: many small cells, or the clusters of the day before."),
        (
            "Cells",
            "how many there were. Those hardest to tell apart were merged, again and again, until the users of any two groups"
            f" could be told apart in other sessions (an agreement of {kappa}, of 1), and at most {valley} as many users stood"
            " between two groups as at the emptier of them.",
        ),
        ("Clusters", f"how many were left; it takes {formatting.count(method['min_clusters'])}."),
        ("Largest cluster", "its share of the users."),
        ("Unassigned", f"the share of users in no cluster; more than {unassigned} is out."),
        ("DBCV", "density-based validity: how crowded clusters are inside against between them, −1 to 1."),
        (
            "Stability",
            "how much of the clusters came out again when part of the users was left out, 0 to 1 (their median).",
        ),
        (
            "Says of other sessions",
            "the score by which the best is chosen: how much a user's cluster says of sessions we had not looked at, in bits"
            " (1 bit is the answer to one yes-or-no question), times the share of users in clusters that hold.",
        ),
        (
            "Verdict",
            f"whether {formatting.count(method['min_clusters'])} clusters or more were left that came out again (a stability of"
            f" {formatting.number(method['min_stability'])} or more) and held in other sessions"
            f" ({formatting.number(method['min_replication'])} or more), with few enough users left out.",
        ),
    )
    return [html.Li([html.Strong(name), f": {meaning}"]) for name, meaning in meanings]
