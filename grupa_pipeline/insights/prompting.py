"""The model's way: names with all clusters in view, then each cluster on its own, every answer checked and once repaired.

What a prompt may carry was settled in `privacy.py`; how a call is made is in `calls.py`; what an answer must be, in
`checking.py`. A cluster for which no answer stands is left to the rules, with the reason.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from grupa_pipeline.insights.analysis_context import Scene
from grupa_pipeline.insights.draft_validation import Ground, faults_of_draft, faults_of_naming
from grupa_pipeline.insights.llm_client import Caller, Heard, Messages, NoAnswerError
from grupa_pipeline.insights.models import ClusterDraft, ClusterName, Naming
from grupa_pipeline.insights.templates import parts, rows_by_alias, shown

PROMPT_VERSION = "v1"
"""Folder of the prompts. A changed prompt is a new folder, so that a kept text says which words asked for it."""

MOST_AT_ONCE = 8
PIECES_FOR_A_NAME = 8
MOST_FAULTS = 20
"""Faults told to the model in a repair round."""

_PROMPTS = Path(__file__).with_name("prompts") / PROMPT_VERSION

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True)
class Answers:
    """What a model wrote that stands, and why the rest does not: cluster_id -> name, draft, reason."""

    names: dict[str, ClusterName]
    drafts: dict[str, ClusterDraft]
    reasons: dict[str, str]


def ask_for_texts(scene: Scene, asked: Sequence[str], taken: Mapping[str, str], caller: Caller) -> Answers:
    """Ask for names and drafts of the clusters in `asked`; `taken` are the names of the others. Never raises."""
    grounds = {cluster_id: Ground.of(scene.offered_of(cluster_id), scene.catalog) for cluster_id in asked}
    names, reasons = _ask_for_names(scene, grounds, taken, caller)
    drafts: dict[str, ClusterDraft] = {}
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        answers = pool.map(lambda cluster_id: _ask_for_draft(scene, cluster_id, grounds[cluster_id], caller), asked)
        for cluster_id, (draft, fault) in zip(asked, answers, strict=True):
            if draft is not None:
                drafts[cluster_id] = draft
            elif fault is not None:
                reasons[cluster_id] = fault
    return Answers(names, drafts, reasons)


def _ask_for_names(
    scene: Scene, grounds: Mapping[str, Ground], taken: Mapping[str, str], caller: Caller
) -> tuple[dict[str, ClusterName], dict[str, str]]:
    data = [_told(cluster, scene, PIECES_FOR_A_NAME) for cluster in scene.clusters.to_dict("records")]
    question = _prompt(
        "naming", asked=", ".join(grounds), taken=", ".join(sorted(taken.values())) or "none", data=_json(data)
    )
    bad: dict[str, list[str]] = {}

    def check(naming: Naming) -> list[str]:
        bad.clear()
        bad.update(faults_of_naming(naming, grounds, taken))
        return [fault for said in bad.values() for fault in said]

    naming, fault = _exchange(caller, question, Naming, check, cluster_id=None)
    if naming is None:
        return {}, dict.fromkeys(grounds, f"no usable names from the model: {fault}")
    sound = [name for name in naming.clusters if name.cluster_id in grounds and name.cluster_id not in bad]
    reasons = {
        name: f"the model's name could not be used: {faults[0]}" for name, faults in bad.items() if name in grounds
    }
    return {name.cluster_id: name for name in sound}, reasons


def _ask_for_draft(
    scene: Scene, cluster_id: str, ground: Ground, caller: Caller
) -> tuple[ClusterDraft | None, str | None]:
    """One cluster's draft, or why there is none. A draft with a fault is none."""
    cluster = next(row for row in scene.clusters.to_dict("records") if row["cluster_id"] == cluster_id)
    question = _prompt("cluster", metrics=_movable(scene.catalog), data=_json([_told(cluster, scene, None)]))
    draft, fault = _exchange(
        caller, question, ClusterDraft, lambda draft: faults_of_draft(draft, ground), cluster_id=cluster_id
    )
    return (draft, None) if fault is None else (None, f"no usable text from the model: {fault}")


def _exchange(
    caller: Caller, question: str, shape: type[A], check: Callable[[A], list[str]], *, cluster_id: str | None
) -> tuple[A | None, str | None]:
    """One question, and once more with the faults of the first answer.

    Gives the last answer that could be read, and the first of its faults, or why there is no answer.
    """
    asked = [("system", _prompt("system")), ("human", question)]

    def read(text: str) -> tuple[A | None, list[str]]:
        return _read(text, shape, check)

    try:
        first = caller.ask(asked, shape, read, cluster_id=cluster_id)
    except NoAnswerError as none:
        if not none.worth_repair:
            return None, str(none)
        first = Heard("", None, [str(none)])
    if not first.faults:
        return first.answer, None
    said = [("ai", first.text)] if first.text else []
    listed = "\n".join(f"- {fault}" for fault in first.faults[:MOST_FAULTS])
    again = _joined([*asked, *said, ("human", _prompt("repair", faults=listed))])
    try:
        second = caller.ask(again, shape, read, cluster_id=cluster_id)
    except NoAnswerError as none:
        return first.answer, f"{first.faults[0]} (on asking again: {none})"
    best = second.answer if second.answer is not None else first.answer
    return best, second.faults[0] if second.faults else None


def _read(text: str, shape: type[A], check: Callable[[A], list[str]]) -> tuple[A | None, list[str]]:
    """The answer in its shape, and everything wrong with it."""
    try:
        answer = shape.model_validate_json(text)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, fault['loc'])) or 'the answer'}: {fault['msg']}" for fault in error.errors()]
        return None, [f"the answer is not in the shape that was asked for ({fault})" for fault in said]
    return answer, check(answer)


def _joined(messages: Messages) -> list[tuple[str, str]]:
    """Messages with neighbours of one speaker made one, as some providers demand."""
    joined: list[tuple[str, str]] = []
    for role, text in messages:
        if joined and joined[-1][0] == role:
            joined[-1] = (role, f"{joined[-1][1]}\n\n{text}")
        else:
            joined.append((role, text))
    return joined


def _told(cluster: Mapping[str, Any], scene: Scene, most: int | None) -> dict[str, Any]:
    """One cluster as a prompt tells it: its size and evidence, numbers as a person reads them."""
    evidence = scene.offered_of(str(cluster["cluster_id"]))
    ground = Ground.of(evidence, scene.catalog)
    descriptions = scene.descriptions()
    pieces = [
        {
            "id": alias,
            "metric": row["metric"],
            "means": descriptions[str(row["metric"])],
            "cluster": shown(row, "cluster"),
            "rest": shown(row, "rest"),
            "than the others": "higher" if float(row["effect_size"]) > 0 else "lower",
            "standing": {1: "worse", 0: "neither better nor worse", -1: "better"}[ground.badness(alias)],
            "placeholders": " ".join(f"{{{alias}.{part}}}" for part in parts(row)),
        }
        for alias, row in list(rows_by_alias(evidence).items())[:most]
    ]
    return {"cluster_id": cluster["cluster_id"], "share of users": f"{cluster['share']:.0%}", "evidence": pieces}


def _movable(catalog: pd.DataFrame) -> str:
    """The metrics that have a better direction, a line each."""
    lines = []
    for row in catalog.to_dict("records"):
        if not pd.isna(row["higher_is_better"]):
            direction = "increase" if row["higher_is_better"] else "decrease"
            lines.append(f"- {row['feature']} ({row['description']}); better direction: {direction}")
    return "\n".join(lines) or "- none"


def _prompt(name: str, **parts_of_it: str) -> str:
    return Template((_PROMPTS / f"{name}.md").read_text(encoding="utf-8")).substitute(parts_of_it).strip()


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1)
