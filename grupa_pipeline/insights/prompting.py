"""Texts by a language model: names with all clusters in view, then one draft per cluster.

Every reply is validated part by part (`partial_drafts`) and, if it has faults, requested once more. Clusters without a valid
part are left to the rules, with the reason. Names from the log were screened before (`privacy`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from string import Template
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from grupa_pipeline.insights.analysis_context import AnalysisContext
from grupa_pipeline.insights.cluster_facts import PAUSES, read_facts
from grupa_pipeline.insights.decided_insights import decisions_on
from grupa_pipeline.insights.draft_validation import CitableFacts, naming_faults
from grupa_pipeline.insights.llm_client import LlmClient, Messages, NoReplyError, ParsedReply, Reply, ReplyParser
from grupa_pipeline.insights.models import NameDraft, Naming
from grupa_pipeline.insights.pain_points import better_direction, side_of
from grupa_pipeline.insights.partial_drafts import NOT_THE_SHAPE, PartialDraft, read_parts
from grupa_pipeline.insights.templates import format_part, parts, rows_by_alias
from grupa_pipeline.insights.text_reuse import PROMPTS, read_schema
from grupa_pipeline.insights.wording import Wording
from grupa_pipeline.vocabulary.enums import DecidedBy, Role

MAX_ROWS_FOR_NAMES = 8
"""Maximum number of rows of evidence per cluster in the prompt for names."""
MIN_ROWS = 3
"""Rows of evidence per cluster that are sent however small the context is."""
MAX_REPAIR_FAULTS = 20
"""Maximum number of faults listed in a repair prompt."""

A = TypeVar("A", bound=BaseModel)
T = TypeVar("T", bound=Naming | PartialDraft)


@dataclass(frozen=True)
class ModelTexts:
    """Valid replies by cluster, and why the other clusters have none.

    Attributes:
        names: cluster_id -> name.
        drafts: cluster_id -> the valid parts of its draft.
        reasons: cluster_id -> why its name or draft is missing.
    """

    names: dict[str, NameDraft]
    drafts: dict[str, PartialDraft]
    reasons: dict[str, str]


def request_texts(
    context: AnalysisContext, cluster_ids: Sequence[str], taken: Mapping[str, str], client: LlmClient
) -> ModelTexts:
    """Ask for names and drafts of clusters. Never raises: clusters without a valid reply get a reason.

    Args:
        context: All clusters of the snapshot.
        cluster_ids: The clusters to describe.
        taken: Names of the other clusters.
        client: The model.
    """
    facts = {cluster_id: facts_of(context, cluster_id) for cluster_id in cluster_ids}
    names, reasons = _request_names(context, facts, taken, client)
    drafts: dict[str, PartialDraft] = {}
    with ThreadPoolExecutor(max_workers=client.limits.parallel_calls) as pool:
        replies = pool.map(lambda name: _request_draft(context, name, facts[name], client), cluster_ids)
        for cluster_id, (draft, reason) in zip(cluster_ids, replies, strict=True):
            if draft is not None:
                drafts[cluster_id] = draft
            elif reason is not None:
                reasons[cluster_id] = reason
    return ModelTexts(names, drafts, reasons)


def facts_of(context: AnalysisContext, cluster_id: str) -> CitableFacts:
    """What the texts about a cluster may cite and speak of."""
    known = read_facts(context.users, cluster_id, Wording(context.catalog))
    no_pain = known.explained | (PAUSES if known.comes_once else frozenset())
    return CitableFacts.of(context.citable_of(cluster_id), context.catalog, context.product, no_pain)


def _request_names(
    context: AnalysisContext, facts: Mapping[str, CitableFacts], taken: Mapping[str, str], client: LlmClient
) -> tuple[dict[str, NameDraft], dict[str, str]]:
    """Valid names by cluster, and the reason by cluster without one."""

    def messages_with(rows: int) -> list[tuple[str, str]]:
        data = _to_json([_cluster_data(cluster, context, rows) for cluster in context.clusters.to_dict("records")])
        names = ", ".join(sorted(taken.values())) or "none"
        return _messages(context, _prompt("naming", asked=", ".join(facts), taken=names, data=data))

    faults_by_cluster: dict[str, list[str]] = {}

    def validate(naming: Naming) -> list[str]:
        faults_by_cluster.clear()
        faults_by_cluster.update(naming_faults(naming, facts, taken))
        return [fault for faults in faults_by_cluster.values() for fault in faults]

    messages = _fitting(messages_with, MAX_ROWS_FOR_NAMES, client)
    naming, reason = _ask_with_repair(
        client, messages, "naming", lambda text: _parse(text, Naming, validate), cluster_id=None
    )
    if naming is None:
        return {}, dict.fromkeys(facts, f"no usable names from the model: {reason}")
    names = {
        name.cluster_id: name
        for name in naming.clusters
        if name.cluster_id in facts and name.cluster_id not in faults_by_cluster
    }
    reasons = {
        cluster_id: f"the model's name could not be used: {faults[0]}"
        for cluster_id, faults in faults_by_cluster.items()
        if cluster_id in facts
    }
    return names, reasons


def _request_draft(
    context: AnalysisContext, cluster_id: str, facts: CitableFacts, client: LlmClient
) -> tuple[PartialDraft | None, str | None]:
    """The valid parts of one cluster's draft, or the reason why there are none."""
    cluster = next(row for row in context.clusters.to_dict("records") if row["cluster_id"] == cluster_id)

    def messages_with(rows: int) -> list[tuple[str, str]]:
        decided = decisions_on(cluster_id, context.decisions)
        told = {"decisions": decided} if decided else {}
        data = _to_json([_cluster_data(cluster, context, rows) | told])
        return _messages(context, _prompt("cluster", metrics=_metrics_with_direction(context.catalog), data=data))

    def parse(text: str) -> ParsedReply[PartialDraft]:
        found = read_parts(text, facts)
        return ParsedReply(found if len(found) else None, found.faults, found.mended)

    partial, reason = _ask_with_repair(
        client, _fitting(messages_with, len(facts.rows), client), "cluster", parse, cluster_id=cluster_id, size=len
    )
    return partial, None if partial is not None else f"no usable text from the model: {reason}"


def _fitting(
    messages_with: Callable[[int], list[tuple[str, str]]], rows: int, client: LlmClient
) -> list[tuple[str, str]]:
    """The question with as many rows of evidence of each cluster, of at most `rows`, as the model's context has room for.

    Evidence is left out from its end, where the smallest differences are; at least `MIN_ROWS` stay.
    """
    messages = messages_with(rows)
    while rows > MIN_ROWS and not client.limits.has_room_for(messages):
        rows -= max(1, rows // 8)
        messages = messages_with(rows)
    return messages


def _ask_with_repair(
    client: LlmClient,
    messages: Messages,
    schema: str,
    parse: ReplyParser[T],
    *,
    cluster_id: str | None,
    size: Callable[[T], int] = lambda value: 0,
) -> tuple[T | None, str | None]:
    """Ask a question, and once more with the faults of the first reply.

    Args:
        client: The model.
        messages: The system's message and the question.
        schema: Name of the JSON schema.
        parse: Reads a reply and finds its faults.
        cluster_id: The cluster that the question is about; None for all.
        size: How much of a reply can be used: of two that can be read the larger is taken, of equal ones the second.

    Returns:
        The better reply that could be read, and its first fault or the reason why there is no reply.
    """
    try:
        first = client.ask(messages, read_schema(schema), parse, cluster_id=cluster_id)
    except NoReplyError as error:
        if not error.is_repairable:
            return None, str(error)
        first = Reply("", None, [str(error)])
    if not first.faults:
        return first.value, None
    previous = [("ai", first.text)] if first.text else []
    faults = "\n".join(f"- {fault}" for fault in first.faults[:MAX_REPAIR_FAULTS])
    repair = _merge_roles([*messages, *previous, ("human", _prompt("repair", faults=faults))])
    try:
        second = client.ask(repair, read_schema(schema), parse, cluster_id=cluster_id)
    except NoReplyError as error:
        return first.value, f"{first.faults[0]} (on asking again: {error})"
    best = second if second.value is not None else first
    if first.value is not None and second.value is not None and size(first.value) > size(second.value):
        best = first
    return best.value, best.faults[0] if best.faults else None


def _messages(context: AnalysisContext, question: str) -> list[tuple[str, str]]:
    return [("system", _prompt("system", product=context.product)), ("human", question)]


def _parse(text: str, model: type[A], validate: Callable[[A], list[str]]) -> ParsedReply[A]:
    """The parsed reply, None if it does not match the schema, and its faults."""
    try:
        value = model.model_validate_json(text)
    except ValidationError as error:
        details = [f"{'.'.join(map(str, detail['loc'])) or 'the answer'}: {detail['msg']}" for detail in error.errors()]
        return ParsedReply(None, [f"{NOT_THE_SHAPE} ({detail})" for detail in details])
    return ParsedReply(value, validate(value))


def _merge_roles(messages: Messages) -> list[tuple[str, str]]:
    """Messages in which consecutive ones of the same role are merged, as some providers require."""
    merged: list[tuple[str, str]] = []
    for role, text in messages:
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}\n\n{text}")
        else:
            merged.append((role, text))
    return merged


def _cluster_data(cluster: Mapping[str, Any], context: AnalysisContext, max_rows: int) -> dict[str, Any]:
    """One cluster as it is described in a prompt: size and evidence, with formatted numbers."""
    evidence = context.citable_of(str(cluster["cluster_id"]))
    facts = CitableFacts.of(evidence, context.catalog)
    descriptions = context.descriptions()
    roles = {str(row["feature"]): row for row in context.catalog.to_dict("records")}
    rows = [
        {
            "id": alias,
            "metric": row["metric"],
            "means": descriptions[str(row["metric"])],
            "cluster": format_part(row, "cluster"),
            "rest": format_part(row, "rest"),
            "than the others": side_of(row),
            "standing": facts.standing(alias),
            **_role_of(roles[str(row["metric"])]),
            "placeholders": " ".join(f"{{{alias}.{part}}}" for part in parts(row)),
        }
        for alias, row in list(rows_by_alias(evidence).items())[:max_rows]
    ]
    return {"cluster_id": cluster["cluster_id"], "share of users": f"{cluster['share']:.0%}", "evidence": rows}


def _role_of(entry: Mapping[Any, Any]) -> dict[str, str]:
    """Role of the action behind a metric, and who decides it; nothing for plain behaviour of users."""
    role, decided_by = entry.get("event_role"), entry.get("decided_by")
    known = {"role": role} if isinstance(role, str) and role != Role.STEP else {}
    return known | ({"decided by": decided_by} if decided_by == DecidedBy.SYSTEM else {})


def _metrics_with_direction(catalog: pd.DataFrame) -> str:
    """The metrics that have a better direction, one per line."""
    lines = [
        f"- {row['feature']} ({row['description']}); better direction: {direction}"
        for row in catalog.to_dict("records")
        if (direction := better_direction({str(key): value for key, value in row.items()}))
    ]
    return "\n".join(lines) or "- none"


def _prompt(name: str, **values: str) -> str:
    return Template((PROMPTS / f"{name}.md").read_text(encoding="utf-8")).substitute(values).strip()


def _to_json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1)
