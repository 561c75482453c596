"""Texts about obstacles and strengths on users' way: pain points, strengths, and recommendations from `remedies`."""

from collections.abc import Mapping, Sequence

from grupa_pipeline.insights.diagnosis import Obstacle
from grupa_pipeline.insights.event_roles import can_be_offered, is_unwanted
from grupa_pipeline.insights.evidence import is_large
from grupa_pipeline.insights.models import PainPoint, Recommendation, Strength
from grupa_pipeline.insights.pain_points import side_of, worse_side
from grupa_pipeline.insights.remedies import Cause, Remedy, find_remedies, is_offer, step_kind
from grupa_pipeline.insights.templates import EvidenceRow, reads_the_same
from grupa_pipeline.insights.wording import UNNAMED, Wording, added_sentence, capitalize, quoted
from grupa_pipeline.vocabulary.enums import DecidedBy, Direction, Measure
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_CONFIDENCE = {
    Cause.ERROR: 0.9,
    Cause.ERROR_ALONE: 0.8,
    Cause.RETRY: 0.8,
    Cause.LOOP: 0.6,
    Cause.DROP: 0.6,
    Cause.SLOW: 0.6,
    Cause.WAIT: 0.5,
    Cause.REFUSED: 0.6,
}
JOURNEYS = (Measure.STEP, Measure.ERROR, Measure.LOOP, Measure.LAST_ACTION)
_LEVELS = ((0.75, "high"), (0.5, "medium"), (0.0, "low"))


def pain_point_of(obstacle: Obstacle, rows: Mapping[str, EvidenceRow], wording: Wording) -> PainPoint:
    """What is seen at an obstacle, with both values; no cause is claimed."""
    names = [quoted(wording.step(action)) for action in obstacle.actions]
    place = f"from {names[0]} to {names[-1]}" if len(names) > 1 else f"to {names[0]}"
    alias, support = obstacle.alias, obstacle.support
    both = f"{{{alias}.cluster}} against {{{alias}.rest}} for the others"
    about = quoted(wording.step(obstacle.about)) if obstacle.about else ""
    if obstacle.cause in (Cause.SLOW, Cause.WAIT):
        title = f"{{{alias}.cluster}} {place}, {{{alias}.rest}} for the others"
        body = f"Those of them who get {place} typically take {both}."
    elif obstacle.cause is Cause.REFUSED:
        title = f"{{{alias}.who}} of them turn an offer down ({names[0]}); of the others {{{alias}.rest}}"
        body = f"More of them turn an offer down ({names[0]}): {both}."
    elif rows[alias]["measure"] == Measure.ERROR:
        title = f"Of those who get to {names[0]}, {{{alias}.cluster}} meet {about}; of the others {{{alias}.rest}}"
        body = f"Of the users who get to {names[0]}, more meet {about} here: {both}."
    elif obstacle.cause is Cause.ERROR_ALONE:
        title = f"{{{alias}.who}} of them meet {about} after {names[0]}; of the others {{{alias}.rest}}"
        body = f"More of them meet {about} after {names[0]}: {both}."
    elif obstacle.is_behind:
        title = f"{{{alias}.who}} of them get {place}; of the others {{{alias}.rest}}"
        before = (
            f"Of those who get to {names[0]}, fewer go on to {names[-1]}" if len(names) > 1 else f"Fewer get {place}"
        )
        body = f"{before}: {both}."
    else:
        title = f"Their weakest step: {{{alias}.cluster}} get {place}"
        body = (
            f"Their weakest step towards {quoted(wording.step(str(obstacle.goal)))} is the one {place}: "
            f"{{{alias}.who}} of them get there, {_against_the_others(rows[alias], alias)}."
        )
    added = _added(obstacle, rows[support], support, about, names, wording)
    return PainPoint(title=title, body=f"{body} {added}", evidence_ids=[alias, support])


def _added(obstacle: Obstacle, row: EvidenceRow, alias: str, about: str, names: Sequence[str], wording: Wording) -> str:
    both = f"{{{alias}.cluster}} against {{{alias}.rest}} for the others"
    family = wording.entry(str(row["metric"]))["family"]
    if family == FeatureFamily.ERROR_MET:
        return f"At the same place more of them meet {about}: {both}."
    if family == FeatureFamily.RETRY:
        return f"More of them do {names[0]} again and again: {both}."
    if family == FeatureFamily.LOOP:
        return f"More of them go back and forth between {names[0]} and {about}: {both}."
    if family == FeatureFamily.FUNNEL_STEP and row["ci_low"] <= 0 <= row["ci_high"]:
        steps = [quoted(step) for step in wording.steps(str(row["metric"]))]
        return f"From {steps[0]} to {steps[-1]} it is {{{alias}.cluster}}, and {{{alias}.rest}} for the others."
    opening = "Yet they" if worse_side(wording.entry(str(row["metric"]))) not in (None, side_of(row)) else "They also"
    return added_sentence(wording.clause(row, alias), opening if is_large(row) else "They")


def _against_the_others(row: EvidenceRow, alias: str) -> str:
    """The others' value at a weakest step, which is not behind them."""
    if row["ci_low"] > 0:
        return f"still above the others' {{{alias}.rest}}"
    return f"for the others it is {{{alias}.rest}}"


def set_apart(rows: Mapping[str, EvidenceRow], wording: Wording) -> tuple[str, str | None]:
    """The evidence on what sets a cluster apart, and the action that it is about: one that its users do more, if there is one."""
    plain = {alias: row for alias, row in rows.items() if row["measure"] not in JOURNEYS}
    plain = {alias: row for alias, row in plain.items() if wording.steps(str(row["metric"])) != [UNNAMED]} or plain
    for family in (FeatureFamily.ACTION_SHARE, FeatureFamily.ACTION_DONE):
        for alias, row in plain.items():
            entry = wording.entry(str(row["metric"]))
            if entry["family"] == family and row["effect_size"] > 0 and can_be_offered(entry):
                return alias, str(entry["source_action"])
    return next(iter(plain or rows)), None


def usual_action(rows: Mapping[str, EvidenceRow], wording: Wording, *, goal: str) -> str | None:
    """What users of a cluster do more than the others, where they can be met: no offer, and neither a goal nor what goes wrong.

    What is done on the way to something else counts where there is nothing else.
    """
    found: list[tuple[bool, bool, str]] = []
    for row in rows.values():
        metric = str(row["metric"])
        entry, action = wording.entry(metric), str(wording.entry(metric)["source_action"])
        is_place = entry["family"] in (FeatureFamily.ACTION_SHARE, FeatureFamily.ACTION_DONE) and row["effect_size"] > 0
        is_known = is_place and wording.steps(metric) != [UNNAMED] and action != goal and not is_offer(action)
        if is_known and not is_unwanted(entry) and entry.get("decided_by") != DecidedBy.SYSTEM:
            found.append((not can_be_offered(entry), entry["family"] != FeatureFamily.ACTION_SHARE, action))
    return min(found, key=lambda each: each[:2])[2] if found else None


def apart_of(alias: str, decided: str | None, rows: Mapping[str, EvidenceRow], wording: Wording) -> Strength:
    """What sets a cluster apart, without saying that it is good or bad, and what others decided on its users."""
    metric = str(rows[alias]["metric"])
    subject = wording.entry(metric)["source_action"]
    bare = wording.render(_way(rows[alias], metric, wording).replace("<how>", ""), rows[alias], alias)
    sentences = [added_sentence(wording.clause(rows[alias], alias), "They")]
    cited = [alias]
    if decided is not None:
        steps = [quoted(step) for step in wording.steps(str(rows[decided]["metric"]))]
        sentences.append(
            f"Who gets from {steps[0]} to {steps[-1]} is decided for them: {{{decided}.who}} of them do, "
            f"{{{decided}.rest}} of the others."
        )
        cited.append(decided)
    else:
        second = next(
            (
                other
                for other, row in rows.items()
                if row["measure"] not in JOURNEYS
                and wording.entry(str(row["metric"]))["source_action"] != subject
                and not reads_the_same(row, rows[alias])
            ),
            None,
        )
        if second is not None:
            sentences.append(added_sentence(wording.clause(rows[second], second), "They also"))
            cited.append(second)
    return Strength(title=f"What sets them apart: they {bare}", body=" ".join(sentences), evidence_ids=cited)


def _way(row: EvidenceRow, metric: str, wording: Wording) -> str:
    words = wording.find(metric)
    return words.high if row["effect_size"] > 0 else words.low


def strength_of(aliases: Sequence[str], rows: Mapping[str, EvidenceRow], wording: Wording) -> Strength:
    """What a cluster does better, with both values."""
    first = aliases[0]
    steps = [quoted(step) for step in wording.steps(str(rows[first]["metric"]))]
    what = f"reach {steps[0]}" if len(steps) == 1 else f"get from {steps[0]} to {steps[-1]}"
    second = next(
        (alias for alias in aliases[1:] if is_large(rows[alias]) and not reads_the_same(rows[alias], rows[first])), None
    )
    cited = [first] if second is None else [first, second]
    sentences = [added_sentence(wording.clause(rows[first], first), "They")]
    sentences += [added_sentence(wording.clause(rows[alias], alias), "They also") for alias in cited[1:]]
    return Strength(
        title=f"{{{first}.cluster}} {what}; of the others {{{first}.rest}}",
        body=" ".join(sentences),
        evidence_ids=cited,
    )


def recommendation_of(
    obstacle: Obstacle, remedy: Remedy, number: int, metric: str, direction: Direction, wording: Wording
) -> Recommendation:
    """One remedy for an obstacle, in the words of its steps: without numbers, so that siblings can share it."""
    names = {
        "<from>": quoted(wording.step(obstacle.actions[0])) if obstacle.actions else "the product",
        "<to>": quoted(wording.step(obstacle.actions[-1])) if obstacle.actions else "the product",
        "<aim>": wording.aim(metric, direction),
        "<error>": quoted(wording.step(obstacle.about)) if obstacle.about else "the error",
        "<other>": quoted(wording.step(obstacle.about)) if obstacle.about else "the step before",
        "<usual>": quoted(wording.step(obstacle.usual)) if obstacle.usual else "what they do most",
        "<goal>": quoted(wording.step(obstacle.goal)) if obstacle.goal else "the goal",
    }

    def told(text: str) -> str:
        for token, name in names.items():
            text = text.replace(token, name)
        return capitalize(text)

    confidence = remedy.impact * _CONFIDENCE.get(obstacle.cause, 0.4)
    return Recommendation(
        title=told(remedy.title),
        body=told(remedy.body),
        addresses=[number],
        evidence_ids=list(dict.fromkeys([obstacle.alias, obstacle.support])),
        target_metric=metric,
        direction=direction,
        change=told(remedy.change),
        hypothesis=told(remedy.hypothesis),
        confidence=next(level for least, level in _LEVELS if confidence / 0.8 >= least),
        effort=remedy.effort,
        risk=told(remedy.risk),
        guardrail=told(remedy.guardrail),
        cheapest_test=told(remedy.cheapest_test),
        falsified_by=told(remedy.falsified_by),
    )


def remedies_for(obstacle: Obstacle) -> list[Remedy]:
    """Remedies for an obstacle, the best first: by what sets the users apart where that is all that is known, else by the kind of
    the step, for errors also by that of the step before."""
    if obstacle.usual is not None:
        return find_remedies(obstacle.cause, "usual")[:1]
    if obstacle.cause is Cause.WAIT:
        return find_remedies(obstacle.cause, "waiting")
    if not obstacle.actions:
        return find_remedies(obstacle.cause, None)
    before = obstacle.actions[:1] if obstacle.cause is Cause.ERROR else ()
    return find_remedies(obstacle.cause, step_kind(obstacle.actions[-1], *before))
