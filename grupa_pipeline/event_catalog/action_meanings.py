"""The event catalogue: what each action means, from where that is known, and what is proposed. One row an action.

What takes effect is decided in one order: a person, the roles file, the name, then what a model or histories say. Goals, bad
ends, steps of proposals and uses of features decide what clusters are computed from and compared on: a model or histories can
only propose them. Histories may say that what a name calls a goal is none: nearly everyone signs up, at the start.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from grupa_pipeline.event_catalog.history_evidence import HistoryFinding
from grupa_pipeline.event_catalog.roles import LISTED_ROLES, OUTCOMES, ActionMeaning, Roles
from grupa_pipeline.vocabulary.action_names import readable
from grupa_pipeline.vocabulary.enums import DecidedBy, Polarity, Role, RoleSource

MAX_ACTIONS = 5_000
"""Actions with rows of their own, the commonest; further ones have the role that their names give them."""
NEARLY_ALL = 0.9
"""Where outcomes are more than this share of the events they are behaviour: else nothing would be left to compare."""
HALF, FEWEST_FELLOWS = 0.5, 2
"""What a name calls help is the product's own work where HALF of the users do it and FEWEST_FELLOWS plain actions share a word with
it: in a ticketing tool nobody who opens a ticket turns to support."""
GOAL_LIKENESS = 0.35
"""From here on an action is proposed as a goal by histories."""
_PROPOSAL_LIKENESS = 0.3
_DECIDED_ELSEWHERE = frozenset(LISTED_ROLES) - {Role.ERROR, Role.HELP}
_PLAIN = (Role.STEP, Role.NAVIGATION)
POLARITY: Mapping[Role, Polarity] = {
    Role.GOAL: Polarity.GOOD,
    Role.BAD_END: Polarity.BAD,
    Role.ERROR: Polarity.BAD,
    Role.PROPOSAL_WITHDRAW: Polarity.BAD,
}


@dataclass(frozen=True)
class ActionDraft:
    """What a model drafted for one action.

    Attributes:
        label: What people read instead of the name.
        meaning: One sentence.
        model: `provider:model`.
    """

    action: str
    label: str
    role: Role
    meaning: str
    model: str


def catalog_rows(
    actions: Sequence[Mapping[str, Any]],
    roles: Roles,
    findings: Mapping[str, HistoryFinding],
    drafts: Mapping[str, ActionDraft],
) -> list[dict[str, Any]]:
    """Rows of `event_catalog`, the commonest actions first.

    Args:
        actions: action, users, events, first_seen_at and last_seen_at of each.
        roles: What people and names say.
        findings: What histories say, by action.
        drafts: What a model says, by action.
    """
    names = [row["action"] for row in actions]
    meanings = {name: _in_effect(roles.meaning(name), findings.get(name), drafts.get(name)) for name in names}
    meanings |= _own_work(actions, meanings)
    has_goal = any(meaning.role is Role.GOAL for meaning in meanings.values())
    return [
        _row(row, meanings[row["action"]], findings.get(row["action"]), drafts.get(row["action"]), has_goal)
        for row in actions
    ]


def _own_work(actions: Sequence[Mapping[str, Any]], meanings: Mapping[str, ActionMeaning]) -> dict[str, ActionMeaning]:
    """Meanings as plain steps of what names call help, in a log that is about it."""
    words = {name: set(readable(name).split()) for name in meanings}
    plain = Counter(word for name, own in words.items() if meanings[name].role in _PLAIN for word in own)
    named = {name for name, said in meanings.items() if said.role is Role.HELP and said.source is RoleSource.NAME}
    most = max((row["users"] for row in actions), default=0)
    subjects = {
        word
        for row in actions
        if row["action"] in named and row["users"] >= HALF * most
        for word in words[row["action"]]
        if plain[word] >= FEWEST_FELLOWS
    }
    return {
        name: replace(
            meanings[name],
            role=Role.STEP,
            source=RoleSource.DATA,
            confidence=0.7,
            reason=f"{meanings[name].reason}; but at least half of the users work on “{about}” here, so it is no call for help",
        )
        for name in named
        if (about := min(words[name] & subjects, default=""))
    }


def _row(
    counted: Mapping[str, Any],
    meaning: ActionMeaning,
    found: HistoryFinding | None,
    draft: ActionDraft | None,
    has_goal: bool,
) -> dict[str, Any]:
    proposal = _proposal(meaning, found, draft, has_goal)
    return {
        "action": counted["action"],
        "label": meaning.label or (draft.label if draft else None) or readable(counted["action"]),
        "meaning": meaning.meaning or (draft.meaning if draft else None),
        "role": meaning.role.value,
        "polarity": POLARITY.get(meaning.role, Polarity.NEUTRAL).value,
        "decided_by": meaning.decided_by.value,
        "source": meaning.source.value,
        "confidence": meaning.confidence,
        "reason": meaning.reason,
        "users": counted["users"],
        "events": counted["events"],
        "first_seen_at": counted["first_seen_at"],
        "last_seen_at": counted["last_seen_at"],
        "proposed_role": proposal[0].value if proposal else None,
        "proposed_by": proposal[1].value if proposal else None,
        "proposal_reason": proposal[2] if proposal else None,
        "goal_likeness": _likeness(meaning, found),
        "draft": json.dumps(asdict(draft), sort_keys=True) if draft else None,
    }


def _likeness(meaning: ActionMeaning, found: HistoryFinding | None) -> float:
    """How much an action looks like a goal: plain ones by histories, and a proposal that is sent in any case."""
    by_histories = found.likeness_of_goal if found else 0.0
    if meaning.role is Role.PROPOSAL_SUBMIT:
        return max(by_histories, _PROPOSAL_LIKENESS)
    is_plain = meaning.role is Role.STEP and meaning.decided_by is DecidedBy.USER
    return by_histories if is_plain else 0.0


def _in_effect(said: ActionMeaning, found: HistoryFinding | None, draft: ActionDraft | None) -> ActionMeaning:
    """What is said of an action, completed by a model or histories where a name says nothing."""
    if found and found.milestone and said.source is RoleSource.NAME and said.role is Role.GOAL:
        reason = f"{said.reason}; but {found.milestone}, so it is a milestone and no goal to aim at"
        return replace(said, role=Role.STEP, source=RoleSource.DATA, confidence=0.7, reason=reason)
    nothing_said = said.source is RoleSource.NAME and said.role is Role.STEP
    if nothing_said and draft and draft.role not in _DECIDED_ELSEWHERE and draft.role is not Role.STEP:
        reason = f"a model says so: {draft.meaning}"
        said = replace(said, role=draft.role, source=RoleSource.MODEL, confidence=0.6, reason=reason)
        if draft.role in (Role.SYSTEM, Role.ERROR) and not said.decided_explicitly:
            said = replace(said, decided_by=DecidedBy.SYSTEM)
        return said
    if found and found.reason and nothing_said:
        said = replace(said, source=RoleSource.DATA, confidence=0.5, reason=found.reason)
    undecided = said.source in (RoleSource.NAME, RoleSource.DATA) and not said.decided_explicitly
    if found and found.follows_at_once and undecided:
        said = replace(said, decided_by=DecidedBy.SYSTEM)
    return said


def _proposal(
    meaning: ActionMeaning, found: HistoryFinding | None, draft: ActionDraft | None, has_goal: bool
) -> tuple[Role, RoleSource, str] | None:
    """The role that a model or histories propose instead of the one in effect, by whom, and why."""
    if meaning.source in (RoleSource.PERSON, RoleSource.FILE):
        return None
    if draft and draft.role is not meaning.role:
        return draft.role, RoleSource.MODEL, draft.meaning
    if meaning.role in _PLAIN and found and not has_goal and found.likeness_of_goal >= GOAL_LIKENESS:
        return Role.GOAL, RoleSource.DATA, found.reason
    return None


def likely_goals(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The two actions whose histories look most like a goal, the likelier first; fewer where fewer do."""
    scores = {row["action"]: row["goal_likeness"] for row in rows if row["goal_likeness"]}
    return sorted(scores, key=lambda action: (-scores[action], action))[:2]


@dataclass(frozen=True)
class GoalNote:
    """What is to be said of a log's goals: in short, and in whole sentences that follow it."""

    short: str
    details: str

    def __str__(self) -> str:
        """All of it."""
        return f"{self.short}. {self.details}"


def goal_note(rows: Sequence[Mapping[str, Any]]) -> GoalNote | None:
    """That no goal is recognised, or that outcomes are nearly all there is; None where there is nothing to say.

    Args:
        rows: Rows of `event_catalog`: action, role, events, goal_likeness.
    """
    if not rows:
        return None
    goals = [row["action"] for row in rows if row["role"] == Role.GOAL]
    outcomes = sum(row["events"] for row in rows if row["role"] in OUTCOMES)
    if goals and outcomes > NEARLY_ALL * sum(row["events"] for row in rows):
        details = (
            f"They (“{readable(goals[0])}”) count as behaviour here: clusters differ in how users reach the goal, not in"
            " whether they do."
        )
        return GoalNote("Nearly all events are outcomes", details)
    if goals:
        return None
    likely = [f"“{readable(action)}”" for action in likely_goals(rows)]
    guess = f" The likeliest: {' and '.join(likely)}." if likely else ""
    details = f"So no card can say who reached it.{guess} Say which action it is on the page Events, or in roles.toml."
    return GoalNote("No goal is recognised among the actions of this log", details)


@dataclass(frozen=True, eq=False)
class EventCatalog:
    """The catalogue of one snapshot, as features and the app use it.

    Attributes:
        roles: What people and names say: for metadata keys, and for actions without a row.
        meanings: Role of each action with a row.
        system_actions: Actions that the company or its software decides.
        outcomes_are_behaviour: Whether outcomes are nearly all there is, so that they count as behaviour.
    """

    roles: Roles
    meanings: Mapping[str, Role]
    system_actions: frozenset[str] = frozenset()
    outcomes_are_behaviour: bool = False

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], roles: Roles) -> "EventCatalog":
        """The catalogue that rows of `event_catalog` (action, role, decided_by, events) hold."""
        rows = list(rows)
        outcomes = sum(row["events"] for row in rows if row["role"] in OUTCOMES)
        total = sum(row["events"] for row in rows)
        return cls(
            roles,
            {row["action"]: Role(row["role"]) for row in rows},
            frozenset(row["action"] for row in rows if row["decided_by"] == DecidedBy.SYSTEM),
            total > 0 and outcomes > NEARLY_ALL * total,
        )

    @property
    def fold(self) -> tuple[str, ...]:
        """Patterns of actions that are read as one."""
        return self.roles.fold

    @property
    def proposal_key(self) -> str:
        """Metadata key that names a proposal."""
        return self.roles.proposal_key

    @property
    def feature_key(self) -> str:
        """Metadata key that names the feature used."""
        return self.roles.feature_key

    def assign(self, actions: Iterable[str]) -> dict[str, Role]:
        """Role of each action that has one but plain behaviour; outcomes are plain where they are nearly all there is."""
        assigned = {action: self.role_of(action) for action in actions}
        left_out = {Role.STEP, *(OUTCOMES if self.outcomes_are_behaviour else ())}
        return {action: role for action, role in assigned.items() if role not in left_out}

    def assignment_sha256(self) -> str:
        """Hash of all that the roles of outcomes, proposals and features depend on."""
        return f"{self.roles.assignment_sha256()}{'-behaviour' if self.outcomes_are_behaviour else ''}"

    def role_of(self, action: str) -> Role:
        """The role of an action, whether or not outcomes count as behaviour."""
        known = self.meanings.get(action)
        return self.roles.meaning(action).role if known is None else known
