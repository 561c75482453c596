"""How a snapshot's clusters were chosen: what was checked, in words, and all candidates as a table. Pure functions."""

from dash import html
from dash.development.base_component import Component

from dash_app import formatting
from dash_app.components import overview
from dash_app.components.candidates import candidate_table
from dash_app.data.choice import Choice
from dash_app.data.snapshot import Cluster, Snapshot
from grupa_pipeline.vocabulary.enums import CandidateVerdict, FeatureView


def how_chosen(choice: Choice, snapshot: Snapshot) -> Component:
    """The status and its reason, the tests behind it, and every candidate with its scores."""
    earlier = choice.null_sets is not None
    tests = (
        _null_test_of_earlier_release(choice, snapshot)
        if earlier
        else [*_other_sessions(choice, snapshot), *_null_test(choice, snapshot)]
    )
    return html.Div(
        [
            _status(choice, snapshot),
            *tests,
            *_stability(choice, snapshot),
            *([] if earlier else _views(choice)),
            *candidate_table(choice, snapshot),
        ],
        className="choice",
    )


def _status(choice: Choice, snapshot: Snapshot) -> Component:
    if notice := overview.structure_notice(snapshot):
        return notice
    passed: list[str | Component] = [html.Strong("The clusters passed every check. ")]
    if choice.null_sets is not None:
        passed.append(
            "They come out again when part of the users is left out, and are clearer than chance would make them."
        )
        return html.P(passed)
    known = (
        ""
        if choice.measured_twice is None
        else "Their users could be told from the others in sessions we had not looked at. "
    )
    return html.P(
        [
            *passed,
            f"{known}The gaps between them are more than chance, and they come out again when part of the users is left out.",
        ]
    )


def _other_sessions(choice: Choice, snapshot: Snapshot) -> list[Component]:
    """How each cluster holds in sessions that it was not learnt from."""
    measured = [each for each in snapshot.clusters if each.replication is not None]
    if choice.measured_twice is None or not measured:
        return []
    return [
        html.H4("Do they hold in other sessions?"),
        html.P(
            "Everyone's sessions were split in two. What each cluster is like was learnt from one half, and its users were then"
            " looked for in the other: can they be told from all others in sessions we had not looked at? 1 is always, 0 is no"
            f" better than a guess, and below {formatting.number(choice.method['min_replication'])} a cluster is not relied on."
            f" This was checked for {formatting.users(choice.measured_twice)} who could be measured in both halves."
        ),
        html.Ul([_replication(each, choice.method["min_replication"]) for each in measured]),
    ]


def _replication(cluster: Cluster, least: float) -> Component:
    value = cluster.replication or 0.0
    words = (
        "these users could be told from the others"
        if value >= least
        else "these users could not be told from the others well enough"
    )
    return html.Li([html.Strong(cluster.name), f": {words} ({formatting.score(value)})"])


def _null_test(choice: Choice, snapshot: Snapshot) -> list[Component]:
    heading = html.H4("Are the gaps between them real?")
    if choice.chosen is None or snapshot.null_p_value is None:
        return [heading, html.P("It was not tested: there was too little to look for groups in.")]
    if choice.chosen.verdict == CandidateVerdict.TOO_FEW_CLUSTERS:
        return [heading, html.P("There was nothing to test: no gap was found between groups of these users.")]
    most = choice.method["max_p_value"]
    found = "were there" if snapshot.null_p_value < most else "were not clearly there"
    return [
        heading,
        html.P(
            f"The users were split in two at random. The gaps between groups that were found among one half {found} among the"
            " other half, which had no part in finding them. Users who differ by degree alone would show such gaps"
            f" {formatting.chance(snapshot.null_p_value)} of the time; it takes less than {formatting.quantity(most, 'share')}"
            " to call groups separate."
        ),
    ]


def _null_test_of_earlier_release(choice: Choice, snapshot: Snapshot) -> list[Component]:
    chance = (
        f" They would look as grouped as the real users {formatting.chance(snapshot.null_p_value)} of the time."
        if snapshot.null_p_value is not None
        else ""
    )
    return [
        html.H4("Is there anything to find?"),
        html.P(
            "An earlier release of Grupa made this snapshot, and tested it in another way: it made the same search in"
            f" {formatting.count(choice.null_sets or 0)} sets of made-up users without groups.{chance} Whether the clusters hold"
            " in other sessions was not asked."
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


def _views(choice: Choice) -> list[Component]:
    """Which sides of their behaviour users were compared by, and which were left out."""
    if choice.chosen is None:
        return []
    others = [view for view in FeatureView if view is not FeatureView.WHAT]
    used = [
        f"{formatting.VIEWS[view]} ({formatting.score(choice.views[view])})" for view in others if view in choice.views
    ]
    left_out = [formatting.VIEWS[view] for view in others if view not in choice.views]
    least = formatting.number(choice.method["min_signal"])
    sentences = [f"Users were compared by {formatting.listed([formatting.VIEWS[FeatureView.WHAT], *used])}."]
    if used:
        sentences.append(
            "The number is how much of the differences between users is the same in both halves of their sessions, of 1;"
            f" it takes {least} to take part."
        )
    if left_out and choice.measured_twice is not None:
        sentences.append(
            f"Left out, because they say too little about a user that is not chance: {formatting.listed(left_out)}."
        )
    return [html.H4("What were users compared by?"), html.P(" ".join(sentences))]
