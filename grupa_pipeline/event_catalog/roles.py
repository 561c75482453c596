"""Which actions are proposal steps, feature use, good or bad outcomes: by their names, or as one small TOML file says.

What is made of the roles is elsewhere. `default_role` is the only place that reads meaning into a name.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

from grupa_pipeline.vocabulary.action_names import words

Role = Literal[
    "proposal_create", "proposal_submit", "proposal_revise", "proposal_withdraw", "feature_use", "good", "bad"
]

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
"""Where each field of `Roles` stands in the file: (table, key)."""


class RolesError(ValueError):
    """A roles file that cannot be used; the message names the file, the line and what to do.

    Attributes:
        file: Name of the file, without its folder.
        line: Line the problem stands on; None when it has none, or it is not known.
    """

    def __init__(self, file: str, problem: str, line: int | None = None) -> None:
        super().__init__(f"{file}, line {line}: {problem}" if line else f"{file}: {problem}")
        self.file, self.line = file, line


@dataclass(frozen=True)
class Roles:
    """Which actions mean what. A role that is None goes by the action's name; one that is empty has no actions.

    Attributes:
        proposal_create, proposal_submit, proposal_revise, proposal_withdraw: Steps of a proposal, as patterns.
        feature_use: Use of a product's feature, as patterns.
        good, bad: Outcomes, as patterns.
        proposal_key: Metadata key that tells one proposal from another.
        feature_key: Metadata key that names the feature used.

    A pattern is an action's name as the log writes it; `*` stands for any text.
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
        """Read a roles file; None gives the defaults, which go by name.

        Raises:
            RolesError: The file is missing, is not TOML, or says something that is not understood.
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
            found = re.search(r"at line (\d+)", str(error))
            problem = f"not valid TOML: {error}; see roles.example.toml."
            raise RolesError(path.name, problem, int(found[1]) if found else None) from error
        return cls(**_fields(document, text, path.name))

    def sha256(self) -> str:
        """Fingerprint of the roles, what goes by name included."""
        rules = {role: [[sorted(group) for group in rule] for rule in rules] for role, rules in _RULES.items()}
        text = json.dumps([asdict(self), rules, sorted(_NOT_AN_OUTCOME)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def assign(self, actions: Iterable[str]) -> dict[str, Role]:
        """Role of each action that has one. What is listed by name wins over a `*` pattern, that over the defaults."""
        assigned = {action: self._listed(action) or self._by_name(action) for action in actions}
        return {action: role for action, role in assigned.items() if role is not None}

    def _listed(self, action: str) -> Role | None:
        matches = [
            ("*" not in pattern, len(pattern), role)
            for role in get_args(Role)
            for pattern in getattr(self, role) or ()
            if pattern == action or ("*" in pattern and fnmatchcase(action, _only_stars(pattern)))
        ]
        return max(matches)[2] if matches else None

    def _by_name(self, action: str) -> Role | None:
        role = default_role(action)
        return role if role is not None and getattr(self, role) is None else None


def _only_stars(pattern: str) -> str:
    """`pattern` for fnmatch with `*` alone special: `?` and `[` occur in action names."""
    return re.sub(r"[?\[]", lambda found: f"[{found.group()}]", pattern)


def _group(*alternatives: str) -> frozenset[str]:
    return frozenset(" ".join(alternatives).split())


_PROPOSAL = _group("proposal proposals bid bids pitch pitches offer offers quotation quotations")
_RULES: Mapping[str, tuple[tuple[frozenset[str], ...], ...]] = {
    "proposal_create": ((_PROPOSAL, _group("create created creation new start started draft drafted")),),
    "proposal_submit": ((_PROPOSAL, _group("submit submitted submission send sent")),),
    "proposal_revise": ((_PROPOSAL, _group("revise revised revision edit edited update updated")),),
    "proposal_withdraw": (
        (
            _PROPOSAL,
            _group("withdraw withdrawn cancel cancelled canceled discard discarded delete deleted abandon abandoned"),
        ),
    ),
    "feature_use": ((_group("feature features"), _group("use used usage uses")),),
    "bad": (
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
    "good": (
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
"""A rule holds where each of its groups has a word in the action's name. Roles are tried in this order."""

_NOT_AN_OUTCOME = _group(
    "not view viewed views page click clicked hover list updated cookie cookies consent terms policy statement",
    "fail failed failure resolved solved",
)
"""Words beside which a good or bad word does not tell how something ended."""
_FAILED = _group("fail failed failure")
_LONGEST_OUTCOME = 4
"""Words in the longest name that can be an outcome by itself; more is a sentence about something else."""


_SIGNAL = re.compile("|".join(sorted({word for rules in _RULES.values() for rule in rules for word in rule[0]})))


def default_role(action: str) -> Role | None:
    """The role that an action's name suggests: proposal steps, feature use, or an outcome named in up to four words."""
    if not _SIGNAL.search(action.lower()):  # Spares a log of a million different names the rest.
        return None
    said = frozenset(words(action))
    for role, rules in _RULES.items():
        if any(all(said & group for group in rule) for rule in rules) and _may_be(role, action, said):
            return role  # type: ignore[return-value]
    return None


def _may_be(role: str, action: str, said: frozenset[str]) -> bool:
    if len(words(action)) > _LONGEST_OUTCOME or said & {"view", "viewed"}:
        return False
    return role not in ("good", "bad") or not said & (_NOT_AN_OUTCOME - (_FAILED if role == "bad" else frozenset()))


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
    """Why `value` may not stand at `key`; None when it may."""
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
