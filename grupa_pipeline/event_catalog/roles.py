"""Roles of actions as a person or the roles file gives them, else as their names say. The file is read by `roles_file`."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from grupa_pipeline.event_catalog.name_rules import read_name, vocabulary_sha256
from grupa_pipeline.vocabulary.enums import DecidedBy, Role, RoleSource

LISTED_ROLES = (
    Role.PROPOSAL_CREATE,
    Role.PROPOSAL_SUBMIT,
    Role.PROPOSAL_REVISE,
    Role.PROPOSAL_WITHDRAW,
    Role.FEATURE,
    Role.GOAL,
    Role.BAD_END,
    Role.ERROR,
    Role.HELP,
)
"""Roles that have a list in the file, which replaces what names say of the role."""
OUTCOMES = (Role.GOAL, Role.BAD_END)
_PERSON_SAYS, _FILE_SAYS = "set by a person", "listed in the roles file"


@dataclass(frozen=True)
class ActionEntry:
    """What a person says about one action, or all that match a pattern; None says nothing.

    Attributes:
        action: The action's name as in the log; `*` matches any text.
    """

    action: str
    role: Role | None = None
    label: str | None = None
    meaning: str | None = None
    decided_by: DecidedBy | None = None


@dataclass(frozen=True)
class Product:
    """What a person says about the product, for the prompts.

    Attributes:
        description: What the product is.
        success: What success means.
        language: The language of the actions' names.
    """

    description: str = ""
    success: str = ""
    language: str = ""


@dataclass(frozen=True)
class ActionMeaning:
    """What an action means, and from where that is known.

    Attributes:
        confidence: 0 to 1.
        reason: Why, in words that a product manager reads.
        label: What people read instead of the name; None: the name itself.
        meaning: A sentence; None where nobody wrote one.
        decided_explicitly: Whether a person said who decides.
    """

    role: Role
    source: RoleSource
    decided_by: DecidedBy
    confidence: float
    reason: str
    label: str | None = None
    meaning: str | None = None
    decided_explicitly: bool = False


@dataclass(frozen=True)
class Roles:
    """Which actions have which role. A role that is None is inferred from action names; an empty one has no actions.

    Attributes:
        proposal_create, proposal_submit, proposal_revise, proposal_withdraw: Steps of a proposal, as patterns.
        feature: Use of a product's feature, as patterns.
        goal, bad_end: Outcomes, as patterns.
        error, help: Errors, and users who look for help, as patterns.
        proposal_key: Metadata key that identifies a proposal.
        feature_key: Metadata key that names the feature used.
        fold: Patterns of actions that are read as one action of the pattern's name; `*` matches text without `/` there.
        actions: What a person says about single actions; wins over the lists.
        product: What a person says about the product.
        confirmed: Whether a person has accepted the catalogue.

    A pattern is an action's name as in the log; `*` matches any text.

    Example:
        >>> Roles(goal=("deal_*",)).assign(["deal_complete", "search"])
        {'deal_complete': <Role.GOAL: 'goal'>}
    """

    proposal_create: tuple[str, ...] | None = None
    proposal_submit: tuple[str, ...] | None = None
    proposal_revise: tuple[str, ...] | None = None
    proposal_withdraw: tuple[str, ...] | None = None
    feature: tuple[str, ...] | None = None
    goal: tuple[str, ...] | None = None
    bad_end: tuple[str, ...] | None = None
    error: tuple[str, ...] | None = None
    help: tuple[str, ...] | None = None
    proposal_key: str = "proposal_id"
    feature_key: str = "feature"
    fold: tuple[str, ...] = ()
    actions: tuple[ActionEntry, ...] = ()
    product: Product = Product()
    confirmed: bool = False

    @classmethod
    def load(cls, path: Path | None) -> "Roles":
        """Read a roles file; None gives the defaults, inferred from names.

        Raises:
            RolesError: The file is missing, is not TOML, or has an unknown or invalid entry.
        """
        if path is None:
            return cls()
        from grupa_pipeline.event_catalog.roles_file import read_roles

        return read_roles(path)

    def sha256(self) -> str:
        """Hash of all that a snapshot depends on: roles, labels, product and the rules for names."""
        return _sha256({**asdict(self), "confirmed": None})

    def assignment_sha256(self) -> str:
        """Hash of all that roles depend on; texts about actions and the product do not change it."""
        entries = [(entry.action, entry.role) for entry in self.actions if entry.role]
        return _sha256({**asdict(self), "actions": entries, "product": None, "confirmed": None})

    def assign(self, actions: Iterable[str]) -> dict[str, Role]:
        """Role of each action that has one but plain behaviour, as `meaning` says."""
        assigned = {action: self.meaning(action).role for action in actions}
        return {action: role for action, role in assigned.items() if role is not Role.STEP}

    def meaning(self, action: str) -> ActionMeaning:
        """What an action means. Precedence: a person's entry, a list of the file, the rules for names.

        Of several entries or patterns an exact name wins over one with `*`, and a longer over a shorter.
        """
        by_name = read_name(action)
        entry = self._entry(action)
        decided_by = (entry.decided_by if entry else None) or by_name.decided_by
        texts = (entry.label, entry.meaning, entry.decided_by is not None) if entry else (None, None, False)
        if entry and entry.role:
            return ActionMeaning(entry.role, RoleSource.PERSON, decided_by, 1.0, _PERSON_SAYS, *texts)
        if (listed := self._listed(action)) is not None:
            return ActionMeaning(listed, RoleSource.FILE, decided_by, 1.0, _FILE_SAYS, *texts)
        role = by_name.role
        if role is None or (role in LISTED_ROLES and getattr(self, role) is not None):
            return ActionMeaning(Role.STEP, RoleSource.NAME, decided_by, 0.3, "nothing in its name says more", *texts)
        reason = f"its name says so: {by_name.means}"
        return ActionMeaning(role, RoleSource.NAME, decided_by, by_name.confidence, reason, *texts)

    def _entry(self, action: str) -> ActionEntry | None:
        if not self.actions:
            return None
        exact = self._exact.get(action)
        matching = [entry for entry in self._patterns if _matches(entry.action, action)]
        return exact or max(matching, key=lambda entry: len(entry.action), default=None)

    def _listed(self, action: str) -> Role | None:
        matches = [
            ("*" not in pattern, len(pattern), role)
            for role in LISTED_ROLES
            for pattern in getattr(self, role) or ()
            if _matches(pattern, action)
        ]
        return max(matches)[2] if matches else None

    @cached_property
    def _exact(self) -> dict[str, ActionEntry]:
        return {entry.action: entry for entry in self.actions}

    @cached_property
    def _patterns(self) -> list[ActionEntry]:
        return [entry for entry in self.actions if "*" in entry.action]


def _matches(pattern: str, action: str) -> bool:
    return pattern == action or ("*" in pattern and fnmatchcase(action, _only_stars(pattern)))


def _only_stars(pattern: str) -> str:
    """`pattern` for fnmatch with `?` and `[` escaped, as action names may contain them."""
    return re.sub(r"[?\[]", lambda match: f"[{match.group()}]", pattern)


def _sha256(content: object) -> str:
    text = json.dumps([content, vocabulary_sha256()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
