"""How a snapshot's clusters were chosen: what was checked, in words, and the whole grid as a table. Pure functions."""

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import elements, overview
from dash_app.components.elements import aria
from dash_app.components.html_tables import table
from dash_app.data.choice import CandidateRow, Choice
from dash_app.data.snapshot import Snapshot
from grupa_pipeline.segmentation.grid_labels import COLUMNS, SELECTIONS, VERDICTS


def how_chosen(choice: Choice, snapshot: Snapshot) -> Component:
    """The status and its reason, the two tests behind it, and every candidate with its scores."""
    return html.Div(
        [_status(snapshot), *_null_test(choice, snapshot), *_stability(choice, snapshot), *_grid(choice, snapshot)],
        className="choice",
    )


def _status(snapshot: Snapshot) -> Component:
    return overview.structure_notice(snapshot) or html.P(
        [
            html.Strong("The clusters passed every check. "),
            "They come out again when part of the users is left out, and they are clearer than chance would make them.",
        ]
    )


def _null_test(choice: Choice, snapshot: Snapshot) -> list[Component]:
    heading = html.H4("Is there anything to find?")
    if choice.null is None or snapshot.null_p_value is None:
        return [heading, html.P("It was not tested: there was too little to look for groups in.")]
    null = choice.null
    made = (
        ""
        if null.made_on == snapshot.day
        else f" They were made for the snapshot of {formatting.day(null.made_on)} and still serve."
    )
    return [
        heading,
        html.P(
            f"The same search was made in {len(null.scores)} sets of made-up users, with the same ranges and correlations as"
            f" the real ones but without groups.{made} Data like that would look as grouped as the real users"
            f" {formatting.chance(snapshot.null_p_value)} of the time;"
            f" it takes less than {formatting.quantity(choice.method['max_p_value'], 'share')} to call clusters clear."
        ),
        html.P(
            f"On a scale up to 1 the real users score {formatting.score(null.real_score)}, the made-up ones"
            f" {formatting.score(min(null.scores))} to {formatting.score(max(null.scores))}.",
            className="quiet",
        ),
    ]


def _stability(choice: Choice, snapshot: Snapshot) -> list[Component]:
    if snapshot.stability is None:
        return []
    return [
        html.H4("Do they come out again?"),
        html.P(
            f"The search was repeated {choice.method['subsamples']} times on part of the users. The stability of the clusters"
            f" shown is {formatting.score(snapshot.stability)} (their median): 1 would be the same users every time, and below"
            f" {formatting.number(choice.method['min_stability'])} a cluster is not relied on."
        ),
    ]


def _grid(choice: Choice, snapshot: Snapshot) -> list[Component]:
    chosen = choice.chosen
    if chosen is None:
        return []
    rows = [_row(each) for each in sorted(choice.candidates, key=lambda each: (not each.chosen, -each.score))]
    return [
        html.H4(f"{len(rows)} ways of grouping were tried"),
        html.P(f"{_tried_on(choice)} {_why(choice, chosen)} {_left_out(chosen, snapshot)}".strip()),
        table(("No.", *COLUMNS), rows, label="Every way of grouping, the chosen one first, then by score"),
        html.Details([html.Summary("What the columns mean"), html.Ul(_meanings(choice))]),
    ]


def _row(candidate: CandidateRow) -> Component:
    number = [formatting.count(candidate.number)]
    values = (
        formatting.count(candidate.neighbors),
        formatting.count(candidate.smallest_cluster),
        formatting.count(candidate.min_samples),
        SELECTIONS.get(candidate.selection, candidate.selection),
        formatting.count(candidate.cluster_count),
        formatting.percent(candidate.largest_share),
        formatting.percent(candidate.unassigned_share),
        formatting.score(candidate.dbcv),
        formatting.score(candidate.stability),
        formatting.score(candidate.score),
        VERDICTS.get(candidate.verdict, candidate.verdict),
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
    if chosen.score < max(each.score for each in passed):
        return (
            f"{formatting.count(len(passed))} passed. The chosen one is that of the snapshot before: it stays while it passes and"
            f" no other scores better by more than {formatting.number(choice.method['keep_margin'])}, so that clusters do not"
            " change for a trifle."
        )
    return f"{formatting.count(len(passed))} passed, and of those the chosen one scores best."


def _left_out(chosen: CandidateRow, snapshot: Snapshot) -> str:
    shown = len(snapshot.clusters)
    if shown >= chosen.cluster_count:
        return ""
    return (
        f"Of its {formatting.count(chosen.cluster_count)} clusters {formatting.count(shown)} are shown; the others did not come out"
        " again, and their users are unassigned."
    )


def _meanings(choice: Choice) -> list[Component]:
    method = choice.method
    meanings = (
        ("Neighbours", "how many of the users most like them each user is held against; fewer show finer groups."),
        ("Smallest cluster", "how many users it took to be a cluster, of those the search was tried on."),
        ("Min. samples", "how many users must be close by for a place to count as crowded; more leave more users out."),
        ("Selection", "which of the groups within groups are taken: the longest-lived, or the finest."),
        ("Clusters", f"how many were found; it takes {formatting.count(method['min_clusters'])}."),
        (
            "Largest cluster",
            f"its share of the users; {formatting.quantity(method['max_largest_share'], 'share')} or more is out.",
        ),
        (
            "Unassigned",
            f"the share of users in no cluster; more than {formatting.quantity(method['max_unassigned'], 'share')} is out.",
        ),
        ("DBCV", "density-based validity: how crowded clusters are inside against between them, −1 to 1."),
        (
            "Stability",
            f"how much of the clusters came out again, 0 to 1; below {formatting.number(method['min_stability'])} is out.",
        ),
        ("Score", "the mean of DBCV, stability and the share of users in stable clusters."),
    )
    return [html.Li([html.Strong(name), f": {meaning}"]) for name, meaning in meanings]
