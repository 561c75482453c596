"""Edits the text of a roles file as a person would: comments, order and what Grupa does not know are kept."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import tomlkit
from tomlkit.items import AbstractTable

from grupa_pipeline.event_catalog.roles_file import parse_roles


@dataclass(frozen=True)
class RolesEdit:
    """What to change in a roles file.

    Attributes:
        actions: By action the keys of its entry to set (role, label, meaning, decided_by); None removes one.
        product: Keys of [product] to set; an empty text removes one.
        confirmed: When (ISO 8601) and by whom the catalogue was accepted; None changes nothing.
    """

    actions: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    product: Mapping[str, str] = field(default_factory=dict)
    confirmed: tuple[str, str] | None = None


def edit_roles(text: str, edit: RolesEdit, file: str) -> str:
    """The text of a roles file after an edit.

    Args:
        text: The file's text; empty for a new file.
        edit: What to change.
        file: Name of the file, for messages.

    Raises:
        RolesError: The text, or what it would become, cannot be used.

    Example:
        >>> edit_roles("# ours", RolesEdit({"done": {"role": "goal"}}), "roles.toml")
        '# ours\\n\\n[actions.done]\\nrole = "goal"\\n'
    """
    parse_roles(text, file)
    document = tomlkit.parse(text if not text or text.endswith("\n") else text + "\n")
    for action, values in edit.actions.items():
        _set_entry(_table(document, "actions", is_super=True), action, values)
    for key, value in edit.product.items():
        _set(_table(document, "product"), key, value.strip() or None)
    if edit.confirmed:
        catalog = _table(document, "catalog")
        catalog["confirmed_at"], catalog["confirmed_by"] = edit.confirmed
    edited = tomlkit.dumps(document)
    parse_roles(edited, file)
    return edited


def _set_entry(actions: AbstractTable, action: str, values: Mapping[str, str | None]) -> None:
    entry = actions.get(action)
    if not isinstance(entry, dict):
        former = {} if entry is None else {"role": str(entry)}
        actions[action] = tomlkit.table()
        entry = actions[action]
        entry.update(former)
    for key, value in values.items():
        _set(entry, key, value)
    if not entry:
        del actions[action]


def _set(table: MutableMapping[str, Any], key: str, value: str | None) -> None:
    if value is None:
        table.pop(key, None)
    elif table.get(key) != value:  # what stays as it is keeps the comment behind it
        table[key] = value


def _table(document: tomlkit.TOMLDocument, name: str, *, is_super: bool = False) -> AbstractTable:
    if name not in document:
        document[name] = tomlkit.table(is_super_table=is_super)
    table = document[name]
    assert isinstance(table, AbstractTable)  # noqa: S101 - `parse_roles` has refused anything else
    return table
