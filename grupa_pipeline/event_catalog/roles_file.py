"""Reads a roles file: what people say about a log. Faults are reported with the line and what to do."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grupa_pipeline.event_catalog.roles import ActionEntry, Product, Roles
from grupa_pipeline.vocabulary.enums import DecidedBy, Role

_LISTS: Mapping[tuple[str, str], str] = {
    ("proposals", "create"): "proposal_create",
    ("proposals", "submit"): "proposal_submit",
    ("proposals", "revise"): "proposal_revise",
    ("proposals", "withdraw"): "proposal_withdraw",
    ("proposals", "key"): "proposal_key",
    ("features", "use"): "feature",
    ("features", "key"): "feature_key",
    ("outcomes", "good"): "goal",
    ("outcomes", "bad"): "bad_end",
    ("friction", "error"): "error",
    ("friction", "help"): "help",
}
"""Field of `Roles` by its position in the file: (table, key)."""
_OTHER_TABLES = ("actions", "product", "catalog", "fold")
"""Tables with a form of their own."""
_ENTRY_KEYS = ("role", "label", "meaning", "decided_by")
_PRODUCT_KEYS = ("description", "success", "language")
_CATALOG_KEYS = ("confirmed_at", "confirmed_by")
MAX_PRODUCT_TEXT = 2_000
"""Longest text about the product, in characters: every prompt holds it."""


class RolesError(ValueError):
    """A roles file cannot be used; the message has the file, the line and a remedy.

    Attributes:
        file: Name of the file, without its folder.
        line: Line of the problem; None where it is unknown.
    """

    def __init__(self, file: str, problem: str, line: int | None = None) -> None:
        super().__init__(f"{file}, line {line}: {problem}" if line else f"{file}: {problem}")
        self.file, self.line = file, line


def read_roles(path: Path) -> Roles:
    """Read the roles file at `path`.

    Raises:
        RolesError: The file is missing, is not TOML, or has an unknown or invalid entry.
    """
    return parse_roles(read_text(path), path.name)


def read_text(path: Path) -> str:
    """The text of the file at `path`.

    Raises:
        RolesError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        problem = f"cannot be read from {path.parent} ({error.strerror}); see GRUPA_ROLES_FILE, which names it."
        raise RolesError(path.name, problem) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RolesError(path.name, "is not UTF-8; save it as a TOML file in UTF-8.", line) from error


def parse_roles(text: str, file: str) -> Roles:
    """The roles that the `text` of a file says; `file` is its name, for messages.

    Raises:
        RolesError: It is not TOML, or has an unknown or invalid entry.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"at line (\d+)", str(error))
        problem = f"not valid TOML: {error}; see roles.example.toml."
        raise RolesError(file, problem, int(match[1]) if match else None) from error
    for table, content in document.items():
        if table not in {*(known for known, _ in _LISTS), *_OTHER_TABLES} or not isinstance(content, dict):
            problem = (
                f"unknown entry {table!r}; use [actions], [proposals], [features], [outcomes], [friction] or [product]."
            )
            raise RolesError(file, problem, _line(text, table))
    catalog = _texts(document, "catalog", _CATALOG_KEYS, text, file)
    return Roles(
        **_lists(document, text, file),
        actions=_entries(document.get("actions", {}), text, file),
        product=Product(**_texts(document, "product", _PRODUCT_KEYS, text, file)),
        confirmed="confirmed_at" in catalog,
        fold=_fold(document.get("fold", {}), text, file),
    )


def _lists(document: Mapping[str, Any], text: str, file: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    listed: dict[str, str] = {}
    for table, content in document.items():
        for key, value in content.items() if table not in _OTHER_TABLES else ():
            line, here = _line(text, key), f"[{table}] {key}"
            name = _LISTS.get((table, key))
            if name is None:
                known = ", ".join(k for t, k in _LISTS if t == table)
                raise RolesError(file, f"unknown key {key!r} in [{table}]; it may hold {known}.", line)
            if wrong := _value_problem(value, key):
                raise RolesError(file, wrong, line)
            fields[name] = tuple(value) if isinstance(value, list) else value
            for action in fields[name] if key != "key" else ():
                if listed.setdefault(action, here) != here:
                    problem = f"{action!r} stands in {listed[action]} and in {here}; keep one of them."
                    raise RolesError(file, problem, line)
    return fields


def _entries(content: Mapping[str, Any], text: str, file: str) -> tuple[ActionEntry, ...]:
    entries = []
    for action, value in content.items():
        fields = {"role": value} if isinstance(value, str) else value
        line = _line(text, action)
        if not isinstance(fields, dict) or (unknown := set(fields) - set(_ENTRY_KEYS)):
            what = f"unknown key {min(unknown)!r} for" if isinstance(fields, dict) else "no role or table for"
            known = ", ".join(_ENTRY_KEYS)
            raise RolesError(file, f'{what} the action {action!r}; write a role ("goal") or a table of {known}.', line)
        entries.append(_entry(action, fields, file, line))
    return tuple(entries)


def _entry(action: str, fields: Mapping[str, Any], file: str, line: int | None) -> ActionEntry:
    for key, enum in (("role", Role), ("decided_by", DecidedBy)):
        if key in fields and fields[key] not in list(enum):
            known = ", ".join(enum)
            raise RolesError(file, f"{key} of {action!r} is {fields[key]!r}; it may be {known}.", line)
    for key in ("label", "meaning"):
        if key in fields and not isinstance(fields[key], str):
            raise RolesError(file, f"{key} of {action!r} must be a text in quotes.", line)
    return ActionEntry(
        action=action,
        role=Role(fields["role"]) if "role" in fields else None,
        label=fields.get("label") or None,
        meaning=fields.get("meaning") or None,
        decided_by=DecidedBy(fields["decided_by"]) if "decided_by" in fields else None,
    )


def _fold(content: Mapping[str, Any], text: str, file: str) -> tuple[str, ...]:
    for key in content:
        if key != "patterns":
            raise RolesError(file, f"unknown key {key!r} in [fold]; it may hold patterns.", _line(text, key))
    patterns = content.get("patterns", [])
    if not isinstance(patterns, list) or not all(isinstance(each, str) and "*" in each for each in patterns):
        problem = 'patterns in [fold] must be a list of names with * in place of the ids, such as ["/product/*"].'
        raise RolesError(file, problem, _line(text, "patterns"))
    return tuple(patterns)


def _texts(document: Mapping[str, Any], table: str, known: tuple[str, ...], text: str, file: str) -> dict[str, str]:
    content = document.get(table, {})
    for key, value in content.items():
        if key not in known:
            raise RolesError(
                file, f"unknown key {key!r} in [{table}]; it may hold {', '.join(known)}.", _line(text, key)
            )
        if not isinstance(value, str) or len(value) > MAX_PRODUCT_TEXT:
            problem = f"{key} must be a text in quotes of at most {MAX_PRODUCT_TEXT:,} characters."
            raise RolesError(file, problem, _line(text, key))
    return dict(content)


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
    starts = re.compile(rf"^\s*\[?\s*(?:actions\.)?[\"']?{re.escape(word)}[\"']?\s*[\]=.]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if starts.match(line)), None)
