"""Forged replies: each is a valid reply with one false statement, and none may pass validation."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from grupa_pipeline.insights.analysis_context import AnalysisContext
from grupa_pipeline.insights.draft_validation import CitableFacts, Standing, draft_faults, naming_faults
from grupa_pipeline.insights.models import ClusterDraft, Naming
from grupa_pipeline.insights.partial_drafts import read_parts
from grupa_pipeline.insights.rule_based import name_clusters, write_draft
from tests.grupa_pipeline.insights import contexts, planted

NUMBERS = (
    "42", "3.5", "½", "²", "Ⅳ", "٣", "५", "４２", "①", "forty", "Forty-one", "fortyone", "twenty", "seventeen", "two", "Twice",
    "half", "a third", "thrice", "double", "doubled", "threefold", "ten-fold", "dozens", "hundreds", "a million", "percent",
    "%", "‰", "three in ten", "a tenth", "the majority", "quadruple", "f o r t y", "f-i-v-e", "for\u200bty", "fоrty", "triple",
    "two-thirds", "per cent", "eleven", "tenfold", "ninety-nine", "a quarter", "couple", "zero", "nineteen times", "1e3",
)  # fmt: skip
LINKS = (
    "http://evil.example", "https://x.example/a", "www.evil.example", "evil.com", "see shop.io", "a@b.example",
    "[text](link)", "![x](y)", "javascript:alert()", "data:text/html", "mailto:me", "ftp://x", "<b>bold</b>", "<script>",
    "&lt;b&gt;", "`code`", "**bold**", "# title", "a | b", "line\nbreak", "<img src=x>", "//x.example",
)  # fmt: skip
CAUSES = (
    "because the form is long",
    "due to the form",
    "which leads to loss",
    "as a result",
    "driven by fear",
    "therefore",
)
PLACEHOLDERS = (
    "{E1.value}",
    "{E1}",
    "{e1.cluster}",
    "{E99.cluster}",
    "{E0.rest}",
    "{}",
    "{E1.cluster",
    "{{E1.lift}}",
    "{0}",
)
UNKNOWN = ("session_depth", "made_up_metric", "nps_score", "E1.cluster", "churn_risk")
ALIASES = ("E99", "E0", "e1", "C02-had_drop_off-proportion", "", "1", "E1 ", "E1.cluster", "had_drop_off", "E100")


SUMMARY = "They show {E1.cluster} against {E1.rest} of the others."


@cache
def analysis_context() -> AnalysisContext:
    arguments = contexts.inputs()
    return AnalysisContext(arguments["evidence"], arguments["clusters"], arguments["catalog"])


@pytest.fixture(scope="module")
def facts() -> CitableFacts:
    return CitableFacts.of(analysis_context().citable_of("C01"), planted.catalog())


def worst_and_other(facts: CitableFacts) -> tuple[str, str]:
    worst = next(alias for alias in facts.rows if facts.standing(alias) is Standing.WORSE)
    return worst, next(alias for alias in facts.rows if alias != worst)


def good(facts: CitableFacts) -> dict[str, Any]:
    worst, other = worst_and_other(facts)
    way = "more" if facts.rows[worst]["effect_size"] > 0 else "less"
    return {
        "pain_points": [
            {
                "title": "Drop off comes often",
                "body": f"They meet it {way} often: {{{worst}.cluster}} against {{{worst}.rest}} of the others.",
                "evidence_ids": [worst, other],
            }
        ],
        "recommendations": [
            {
                "title": "Offer a way back",
                "body": "Show these users what is left to do.",
                "addresses": [1],
                "evidence_ids": [worst],
                "target_metric": "had_drop_off",
                "direction": "decrease",
                "change": "The last step offers to go on later.",
                "hypothesis": "If they can go on later, then fewer will drop off, because nothing is lost.",
            }
        ],
    }


def forged(facts: CitableFacts) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each false statement and the reply that contains it."""
    worst, other = worst_and_other(facts)
    pain, recommendation = ("pain_points", 0), ("recommendations", 0)
    prose = [
        (pain, "title"),
        (pain, "body"),
        *((recommendation, part) for part in ("title", "body", "change", "hypothesis")),
    ]

    def forge(where: tuple[str, int], part: str, text: object) -> dict[str, Any]:
        answer = copy.deepcopy(good(facts))
        answer[where[0]][where[1]][part] = text
        return answer

    for number, statement in enumerate((*NUMBERS, *LINKS, *PLACEHOLDERS, *UNKNOWN)):
        for where, part in (prose[number % 6], prose[(number + 3) % 6]):
            yield (
                f"{part}: {statement!r}",
                forge(where, part, f"{good(facts)[where[0]][0][part]} Also {statement} it is."),
            )
    for statement in CAUSES:
        for where, part in prose[:5]:
            yield f"{part}: {statement}", forge(where, part, f"{good(facts)[where[0]][0][part]} It is {statement}.")
    for alias in ALIASES:
        yield f"pain cites {alias!r}", forge(pain, "evidence_ids", [worst, alias])
        yield f"recommendation cites {alias!r}", forge(recommendation, "evidence_ids", [alias])
    for ids in ([], [worst], [worst, worst]):
        yield f"pain cites {ids}", forge(pain, "evidence_ids", ids)
    yield "recommendation cites nothing", forge(recommendation, "evidence_ids", [])
    for addresses in ([], [0], [2], [-1], [1, 1], [1, 7]):
        yield f"addresses {addresses}", forge(recommendation, "addresses", addresses)
    for metric in ("made_up", "", "E1", "had_drop_off ", "drop_off", "1; drop table"):
        yield f"moves {metric!r}", forge(recommendation, "target_metric", metric)
    for metric, better in (("had_drop_off", "decrease"), ("had_deal", "increase"), ("sessions_per_week", "increase")):
        answer = forge(recommendation, "target_metric", metric)
        answer["recommendations"][0]["direction"] = "decrease" if better == "increase" else "increase"
        yield f"moves {metric} the worse way", answer
    yield (
        "hypothesis the worse way",
        forge(recommendation, "hypothesis", "If so, then drop off will increase, because."),
    )
    yield "no hypothesis", forge(recommendation, "hypothesis", "They will stay.")
    row = facts.rows[worst]
    opposite = "fewer" if row["effect_size"] > 0 else "more"
    numbers = f"{{{worst}.cluster}} against {{{worst}.rest}} of the others"
    yield "says the opposite", forge(pain, "body", f"It happens to {opposite} of them: {numbers}.")
    yield (
        "swaps the numbers",
        forge(pain, "body", f"They show {{{worst}.rest}} against {{{worst}.cluster}} of the others."),
    )
    yield "gives the others' number as their own", forge(pain, "body", f"They drop off in {{{worst}.rest}} of cases.")
    yield "states no gap", forge(pain, "body", "They drop off more often than they should.")
    uncited = next(alias for alias in facts.rows if alias not in (worst, other))
    yield "states what it does not cite", forge(pain, "body", f"They show {numbers}, and {{{uncited}.cluster}} there.")
    best = [alias for alias in facts.rows if facts.standing(alias) is Standing.BETTER]
    for alias in best[:2]:
        statement = forge(pain, "body", f"They show {{{alias}.cluster}} against {{{alias}.rest}} of the others.")
        statement["pain_points"][0]["evidence_ids"] = [alias, other if other != alias else worst]
        yield f"takes the better side {alias} for a pain", statement
    for where, part in prose:
        yield f"{part} is empty", forge(where, part, " ")
        yield f"{part} is endless", forge(where, part, "very " * 300)
    twice = copy.deepcopy(good(facts))
    twice["pain_points"] *= 2
    yield "one title twice", twice
    many = copy.deepcopy(good(facts))
    many["pain_points"] = [{**many["pain_points"][0], "title": f"Gap {letter}"} for letter in "abcdefgh"]
    yield "too many", many


def test_a_valid_draft_passes(facts: CitableFacts) -> None:
    assert draft_faults(ClusterDraft.model_validate(good(facts)), facts) == []


def test_any_metric_of_the_catalog_may_be_moved_if_its_direction_is_said(facts: CitableFacts) -> None:
    answer = good(facts)
    answer["recommendations"][0] |= {
        "target_metric": "share_search",
        "direction": "increase",
        "hypothesis": "If search is easier to reach, then searches increase, because it is one step away.",
    }
    assert draft_faults(ClusterDraft.model_validate(answer), facts) == []


def test_no_forged_draft_passes(facts: CitableFacts) -> None:
    cases = list(forged(facts))
    assert len(cases) >= 200
    passed = []
    for statement, answer in cases:
        try:
            faults = draft_faults(ClusterDraft.model_validate(answer), facts)
        except ValidationError:
            continue
        if not faults:
            passed.append(statement)
    assert passed == []


def test_no_forged_reply_is_taken_as_it_is(facts: CitableFacts) -> None:
    """Every forged reply has a part refused, or what is mechanical in it mended."""
    read = {statement: read_parts(json.dumps(answer), facts) for statement, answer in forged(facts)}
    assert [statement for statement, found in read.items() if not found.faults and not found.mended] == []


def naming(**changes: object) -> dict[str, Any]:
    names = [
        {"cluster_id": cluster_id, "name": name, "summary": SUMMARY, "evidence_ids": ["E1"]}
        for cluster_id, name in (("C01", "Busy searchers"), ("C02", "Quiet writers"))
    ]  # fmt: skip
    names[0] |= changes
    return {"clusters": names}


@cache
def facts_by_cluster() -> dict[str, CitableFacts]:
    return {name: CitableFacts.of(analysis_context().citable_of(name), planted.catalog()) for name in ("C01", "C02")}


def faults_in(answer: dict[str, Any], taken: dict[str, str] | None = None) -> dict[str, list[str]]:
    return naming_faults(Naming.model_validate(answer), facts_by_cluster(), taken or {})


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Quiet readers"}, {"name": "quiet WRITERS"}, {"name": "Group 7"}, {"name": "Forty writers"},
        {"name": "<b>Busy</b>"}, {"name": "busy.example.com"}, {"name": "{E1.cluster} busy"}, {"name": ""},
        {"name": "of the"}, {"name": "A very long name that goes on and on for ever"}, {"name": "search_heavy"},
        {"name": "Late loyal keepers"}, {"cluster_id": "C09"}, {"cluster_id": "C02"}, {"evidence_ids": []},
        {"evidence_ids": ["E99"]}, {"summary": "They do it 3 times."}, {"summary": "It is because of search."},
        {"summary": "They show {E99.cluster} here."}, {"summary": "They show {E1.rest} here."}, {"summary": "See http://x.example"},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.slow
def test_no_forged_name_passes(changes: dict[str, object]) -> None:
    assert faults_in(naming()) == {}
    assert faults_in(naming(**changes), {"C03": "Loyal readers"}) != {}


def test_texts_by_rules_pass_the_same_validation() -> None:
    """Except that rules may target a metric without a better direction."""
    context = analysis_context()
    facts = {name: CitableFacts.of(context.citable_of(name), context.catalog) for name in ("C01", "C02", "C03")}
    named = name_clusters(context.citable, context.clusters, context.catalog)
    assert naming_faults(named, facts, {}) == {}
    for name, cluster_facts in facts.items():
        draft = write_draft(context.citable_of(name), name, context.catalog)
        assert draft is not None
        assert draft_faults(draft, cluster_facts) == []
