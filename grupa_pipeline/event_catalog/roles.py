"""Roles of actions (proposal steps, feature use, good or bad outcomes), from a TOML file or inferred from names.

Only `default_role` infers a meaning from a name.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from grupa_pipeline.vocabulary.action_names import words
from grupa_pipeline.vocabulary.enums import Role

_FILE_KEYS: Mapping[tuple[str, str], str] = {
    ("proposals", "create"): "proposal_create",
    ("proposals", "submit"): "proposal_submit",
    ("proposals", "revise"): "proposal_revise",
    ("proposals", "withdraw"): "proposal_withdraw",
    ("proposals", "key"): "proposal_key",
    ("features", "use"): "feature_use",
    ("features", "key"): "feature_key",
    ("outcomes", "good"): "good",
    ("outcomes", "bad"): "bad",
}
"""Field of `Roles` by its position in the file: (table, key)."""


class RolesError(ValueError):
    """A roles file cannot be used; the message has the file, the line and a remedy.

    Attributes:
        file: Name of the file, without its folder.
        line: Line of the problem; None where it is unknown.
    """

    def __init__(self, file: str, problem: str, line: int | None = None) -> None:
        super().__init__(f"{file}, line {line}: {problem}" if line else f"{file}: {problem}")
        self.file, self.line = file, line


@dataclass(frozen=True)
class Roles:
    """Which actions have which role. A role that is None is inferred from action names; an empty one has no actions.

    Attributes:
        proposal_create, proposal_submit, proposal_revise, proposal_withdraw: Steps of a proposal, as patterns.
        feature_use: Use of a product's feature, as patterns.
        good, bad: Outcomes, as patterns.
        proposal_key: Metadata key that identifies a proposal.
        feature_key: Metadata key that names the feature used.

    A pattern is an action's name as in the log; `*` matches any text.

    Example:
        >>> Roles(good=("deal_*",)).assign(["deal_complete", "search"])
        {'deal_complete': <Role.GOOD: 'good'>}
    """

    proposal_create: tuple[str, ...] | None = None
    proposal_submit: tuple[str, ...] | None = None
    proposal_revise: tuple[str, ...] | None = None
    proposal_withdraw: tuple[str, ...] | None = None
    feature_use: tuple[str, ...] | None = None
    good: tuple[str, ...] | None = None
    bad: tuple[str, ...] | None = None
    proposal_key: str = "proposal_id"
    feature_key: str = "feature"

    @classmethod
    def load(cls, path: Path | None) -> "Roles":
        """Read a roles file; None gives the defaults, inferred from names.

        Raises:
            RolesError: The file is missing, is not TOML, or has an unknown or invalid entry.
        """
        if path is None:
            return cls()
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            problem = f"cannot be read from {path.parent} ({error.strerror}); see GRUPA_ROLES_FILE, which names it."
            raise RolesError(path.name, problem) from error
        except UnicodeDecodeError as error:
            problem, line = (
                "is not UTF-8; save it as a TOML file in UTF-8.",
                error.object.count(b"\n", 0, error.start) + 1,
            )
            raise RolesError(path.name, problem, line) from error
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            match = re.search(r"at line (\d+)", str(error))
            problem = f"not valid TOML: {error}; see roles.example.toml."
            raise RolesError(path.name, problem, int(match[1]) if match else None) from error
        return cls(**_fields(document, text, path.name))

    def sha256(self) -> str:
        """Hash of the roles, including the rules for names."""
        rules = {role: [[sorted(group) for group in rule] for rule in rules] for role, rules in _RULES.items()}
        text = json.dumps([asdict(self), rules, sorted(_NOT_AN_OUTCOME)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def assign(self, actions: Iterable[str]) -> dict[str, Role]:
        """Role of each action that has one. Precedence: an exact name, a `*` pattern, the rules for names."""
        assigned = {action: self._listed(action) or self._by_name(action) for action in actions}
        return {action: role for action, role in assigned.items() if role is not None}

    def _listed(self, action: str) -> Role | None:
        matches = [
            ("*" not in pattern, len(pattern), role)
            for role in Role
            for pattern in getattr(self, role) or ()
            if pattern == action or ("*" in pattern and fnmatchcase(action, _only_stars(pattern)))
        ]
        return max(matches)[2] if matches else None

    def _by_name(self, action: str) -> Role | None:
        role = default_role(action)
        return role if role is not None and getattr(self, role) is None else None


def _only_stars(pattern: str) -> str:
    """`pattern` for fnmatch with `?` and `[` escaped, as action names may contain them."""
    return re.sub(r"[?\[]", lambda match: f"[{match.group()}]", pattern)


def _group(*alternatives: str) -> frozenset[str]:
    return frozenset(" ".join(alternatives).split())


_PROPOSAL = _group("proposal proposals bid bids pitch pitches offer offers quotation quotations")
_RULES: Mapping[Role, tuple[tuple[frozenset[str], ...], ...]] = {
    Role.PROPOSAL_CREATE: ((_PROPOSAL, _group("create created creation new start started draft drafted")),),
    Role.PROPOSAL_SUBMIT: ((_PROPOSAL, _group("submit submitted submission send sent")),),
    Role.PROPOSAL_REVISE: ((_PROPOSAL, _group("revise revised revision edit edited update updated")),),
    Role.PROPOSAL_WITHDRAW: (
        (
            _PROPOSAL,
            _group("withdraw withdrawn cancel cancelled canceled discard discarded delete deleted abandon abandoned"),
        ),
    ),
    Role.FEATURE_USE: ((_group("feature features"), _group("use used usage uses")),),
    Role.BAD: (
        (_group("drop dropped"), _group("off out")),
        (
            _group(
                "dropoff dropout churn churned cancel cancelled canceled cancellation decline declined reject rejected"
            ),
        ),
        (
            _group(
                "unsubscribe unsubscribed uninstall uninstalled refund refunded",
                "chargeback complaint downgrade downgraded",
            ),
        ),
        (_group("support"), _group("ticket tickets request case")),
        (_group("ticket"), _group("open opened create created raise raised")),
        (_group("deal contract order opportunity sale customer"), _group("lost")),
        (_group("account subscription"), _group("delete deleted close closed end ended expire expired")),
        (_group("payment checkout order charge"), _group("fail failed failure abandon abandoned")),
    ),
    Role.GOOD: (
        (
            _group(
                "accept accepted approve approved activated converted conversion won",
                "purchase purchased registered renewed",
            ),
        ),
        (_group("deal contract opportunity sale"), _group("complete completed close closed sign signed win success")),
        (
            _group("order checkout payment transaction"),
            _group("complete completed place placed paid success succeeded"),
        ),
        (_group("upgrade upgraded subscribed"),),
    ),
}
"""A rule applies where each of its groups has a word in the action's name. Roles are tried in this order."""

_NOT_AN_OUTCOME = _group(
    "not view viewed views page click clicked hover list updated cookie cookies consent terms policy statement",
    "fail failed failure resolved solved",
)
"""Words next to which a good or bad word does not mean an outcome."""
_FAILED = _group("fail failed failure")
_MAX_WORDS = 4
"""Maximum number of words in a name from which a role is inferred; longer names are usually sentences."""


_SIGNAL = re.compile("|".join(sorted({word for rules in _RULES.values() for rule in rules for word in rule[0]})))


def default_role(action: str) -> Role | None:
    """The role inferred from an action's name of up to four words; None where there is none."""
    if not _SIGNAL.search(action.lower()):  # Fast path for a log of a million different names.
        return None
    name = frozenset(words(action))
    for role, rules in _RULES.items():
        if any(all(name & group for group in rule) for rule in rules) and _may_be(role, action, name):
            return role
    return None


def _may_be(role: Role, action: str, name: frozenset[str]) -> bool:
    if len(words(action)) > _MAX_WORDS or name & {"view", "viewed"}:
        return False
    excluded = _NOT_AN_OUTCOME - (_FAILED if role is Role.BAD else frozenset())
    return role not in (Role.GOOD, Role.BAD) or not name & excluded


def _fields(document: Mapping[str, object], text: str, file: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    listed: dict[str, str] = {}
    for table, content in document.items():
        if table not in {known for known, _ in _FILE_KEYS} or not isinstance(content, dict):
            problem = f"unknown entry {table!r}; use [proposals], [features] or [outcomes]."
            raise RolesError(file, problem, _line(text, table))
        for key, value in content.items():
            line, here = _line(text, key), f"[{table}] {key}"
            name = _FILE_KEYS.get((table, key))
            if name is None:
                known = ", ".join(k for t, k in _FILE_KEYS if t == table)
                raise RolesError(file, f"unknown key {key!r} in [{table}]; it may hold {known}.", line)
            if wrong := _value_problem(value, key):
                raise RolesError(file, wrong, line)
            fields[name] = tuple(value) if isinstance(value, list) else value
            for action in fields[name] if key != "key" else ():
                if listed.setdefault(action, here) != here:
                    problem = f"{action!r} stands in {listed[action]} and in {here}; keep one of them."
                    raise RolesError(file, problem, line)
    return fields


def _value_problem(value: object, key: str) -> str | None:
    """The problem with `value` at `key`; None when it is valid."""
    if key == "key":
        if not isinstance(value, str) or not value:
            return 'key must be the name of a metadata key in quotes, such as "feature".'
    elif not isinstance(value, list) or not all(isinstance(action, str) and action for action in value):
        return f'{key} must be a list of action names in quotes, such as ["deal_complete", "deal_*"].'
    return None


def _line(text: str, word: str) -> int | None:
    """The first line that starts with `word` as a table or key; None where there is none."""
    starts = re.compile(rf"^\s*\[?\s*[\"']?{re.escape(word)}[\"']?\s*[\]=.]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if starts.match(line)), None)
