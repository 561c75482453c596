"""Asks a model what the actions of a log mean: one call for all of them, only where some have no draft yet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from grupa_pipeline.event_catalog.action_meanings import ActionDraft
from grupa_pipeline.event_catalog.history_evidence import HistoryFinding
from grupa_pipeline.event_catalog.model_drafts import MAX_DRAFTED, PROMPT_VERSION, SCHEMA, question, read_answer
from grupa_pipeline.insights.call_limits import CallLimits, limits_for
from grupa_pipeline.insights.llm_client import LlmClient, NoReplyError, ParsedReply
from grupa_pipeline.insights.privacy import looks_like_a_name
from grupa_pipeline.insights.providers import ChatModel
from grupa_pipeline.settings import Settings

MAX_SECONDS = 120.0
"""Names alone decide where a hosted model takes longer."""


@dataclass(frozen=True)
class RequestedDrafts:
    """The model's drafts by action, the calls made for them (rows of `llm_calls`), and why there are none."""

    drafts: dict[str, ActionDraft]
    calls: list[dict[str, Any]]
    warning: str | None = None


def call_limits(settings: Settings, base_url: str | None) -> CallLimits:
    """The limits on a run's calls: the defaults of the model's kind, with what the settings say."""
    return limits_for(
        settings.llm,
        base_url,
        call_seconds=settings.llm_timeout,
        run_seconds=settings.llm_deadline,
        parallel_calls=settings.llm_concurrency,
        max_calls=settings.llm_calls,
        max_output_tokens=settings.llm_output_tokens,
        context_tokens=settings.llm_context,
    )


def request_drafts(
    actions: Sequence[Mapping[str, Any]],
    findings: Mapping[str, HistoryFinding],
    known: Mapping[str, ActionDraft],
    settings: Settings,
    product: str,
    base_url: str | None,
) -> RequestedDrafts:
    """Draft label, role and a sentence for each of the commonest actions. Never raises for failures of a provider.

    Args:
        actions: action, users and events, the commonest first.
        findings: What histories say, by action.
        known: Drafts of earlier snapshots; those of this model are kept.
        settings: The model, and the smallest group whose names may be shown to it.
        product: What the team says of its product, for the prompt.
        base_url: Address of the model's server; None for the provider's own.
    """
    if settings.llm is None:
        return RequestedDrafts({}, [])
    shown = [row for row in actions if row["users"] >= settings.min_group and looks_like_a_name(row["action"])]
    shown = shown[:MAX_DRAFTED]
    own = {action: draft for action, draft in known.items() if draft.model == settings.llm}
    missing = [row for row in shown if row["action"] not in own]
    if not missing:
        return RequestedDrafts(own, [])
    limits = replace(call_limits(settings, base_url), attempts=2, max_calls=1)
    limits = replace(limits, run_seconds=max(MAX_SECONDS, limits.call_seconds))
    try:
        model = ChatModel(
            settings.llm,
            base_url=base_url,
            timeout=limits.call_seconds,
            max_output_tokens=limits.max_output_tokens,
            context_tokens=limits.context_tokens,
        )
    except Exception:  # noqa: BLE001 - a provider's package may raise anything; the insights say what is wrong with it
        return RequestedDrafts(own, [])
    now = datetime.now(UTC).replace(tzinfo=None)
    client = LlmClient(model, limits, prompt_version=PROMPT_VERSION, now=now)
    asked, name = [row["action"] for row in missing], settings.llm
    try:
        reply = client.ask(
            question(missing, findings, product),
            SCHEMA,
            lambda text: ParsedReply(*read_answer(text, asked, name)),
            cluster_id=None,
        )
    except NoReplyError as error:
        return RequestedDrafts(own, client.calls, f"The model drafted no meanings of actions: {error}.")
    return RequestedDrafts(own | {draft.action: draft for draft in reply.value or []}, client.calls)


def calls_to_json(calls: Sequence[Mapping[str, Any]]) -> str:
    """Rows of `llm_calls` as JSON."""
    return json.dumps([{**call, "created_at": call["created_at"].isoformat()} for call in calls], ensure_ascii=False)


def calls_from_json(text: str) -> list[dict[str, Any]]:
    """The rows that `calls_to_json` wrote."""
    return [{**call, "created_at": datetime.fromisoformat(call["created_at"])} for call in json.loads(text)]
