"""The question that a model is asked about all actions at once, and what of its answer can be used.

Knows names, counts and order, no user. Names are screened and the model is called elsewhere; the answer is a proposal.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from grupa_pipeline.event_catalog.action_meanings import ActionDraft
from grupa_pipeline.event_catalog.history_evidence import HistoryFinding
from grupa_pipeline.vocabulary.enums import Role

PROMPT_VERSION = "events-1"
PROMPT = Path(__file__).with_name("model_prompt.md")
MAX_DRAFTED = 60
"""Actions that are asked about, the commonest: more would not fit one answer."""
MAX_LABEL, MAX_MEANING = 48, 160
"""Longest label and sentence, in characters; longer ones are not used."""
_UNSAFE = re.compile(r"[<>{}`|\\@\n\r]|://|www\.")


class _Draft(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: str
    label: str
    role: Role
    meaning: str


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    actions: list[_Draft]


SCHEMA: dict[str, Any] = {
    "title": "event_catalog",
    "type": "object",
    "additionalProperties": False,
    "required": ["actions"],
    "properties": {
        "actions": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["action", "label", "role", "meaning"],
                "properties": {
                    "action": {"type": "string"},
                    "label": {"type": "string"},
                    "role": {"type": "string", "enum": [role.value for role in Role]},
                    "meaning": {"type": "string"},
                },
            },
        }
    },
}
"""JSON schema of the answer."""


def question(
    rows: Sequence[Mapping[str, Any]], findings: Mapping[str, HistoryFinding], product: str
) -> list[tuple[str, str]]:
    """The messages that ask about actions: role and text of each.

    Args:
        rows: action, users and events of each, screened.
        findings: What histories say, by action.
        product: What the team says of its product; empty where nothing is said.
    """
    data = [
        {
            "action": row["action"],
            "users": row["users"],
            "times": row["events"],
            **_found(findings.get(row["action"]), {row["action"] for row in rows}),
        }
        for row in rows
    ]
    asked = f"BEGIN DATA\n{json.dumps(data, ensure_ascii=False, indent=1)}\nEND DATA"
    text = PROMPT.read_text(encoding="utf-8").strip()
    return [("system", f"{text}\n\n{product}".strip()), ("human", asked)]


def read_answer(text: str, asked: Sequence[str], model: str) -> tuple[list[ActionDraft] | None, list[str]]:
    """The usable drafts in an answer, None if it cannot be read, and its faults; drafts that are unclean are left out."""
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as error:
        details = "; ".join(str(detail["msg"]) for detail in error.errors()[:3])
        return None, [f"the answer is not in the shape that was asked for ({details})"]
    drafts = {
        draft.action: ActionDraft(draft.action, draft.label.strip(), draft.role, draft.meaning.strip(), model)
        for draft in answer.actions
        if draft.action in asked and _is_clean(draft.label, MAX_LABEL) and _is_clean(draft.meaning, MAX_MEANING)
    }
    return list(drafts.values()), [] if drafts else ["the answer holds no usable action"]


def _found(finding: HistoryFinding | None, shown: set[str]) -> dict[str, str]:
    """What histories say, unless it names an action that is not shown."""
    if finding is None or not finding.reason:
        return {}
    named = re.findall(r"“([^”]*)”", finding.reason)
    return {"histories": finding.reason} if set(named) <= shown else {}


def _is_clean(text: str, longest: int) -> bool:
    return 0 < len(text.strip()) <= longest and not _UNSAFE.search(text)
