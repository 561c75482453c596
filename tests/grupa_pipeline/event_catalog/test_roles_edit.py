"""Edits of a roles file keep what people wrote, and are read back as they were meant."""

import pytest

from grupa_pipeline.event_catalog.roles_edit import RolesEdit, edit_roles
from grupa_pipeline.event_catalog.roles_file import RolesError, parse_roles
from grupa_pipeline.vocabulary.enums import RoleSource

TEXT = """# ours
[outcomes]
good = ["deal_*"]  # what we live from

[fold]
patterns = ["/product/*"]

[actions]
login = "navigation"  # nothing else
"""


def test_comments_lists_and_unknown_tables_survive() -> None:
    edit = RolesEdit(
        {"A b": {"role": "goal", "label": "Done"}}, {"description": "A shop.", "success": ""}, ("2026-01-01", "ann")
    )
    edited = edit_roles(TEXT, edit, "roles.toml")
    for line in TEXT.splitlines():
        assert line in edited
    roles = parse_roles(edited, "roles.toml")
    assert roles.confirmed and roles.product.description == "A shop."
    assert roles.meaning("A b").source is RoleSource.PERSON and roles.meaning("A b").label == "Done"
    assert roles.meaning("deal_won").source is RoleSource.FILE
    assert roles.meaning("login").role == "navigation"


@pytest.mark.parametrize(
    "action", ["plain", "with blank", 'quo"te', "a.b.c", "$pageview", "[x] y", "/p/1", "é", "x\ny"]
)
def test_any_action_can_be_set_and_taken_back(action: str) -> None:
    edited = edit_roles("", RolesEdit({action: {"role": "help"}}), "roles.toml")
    assert parse_roles(edited, "roles.toml").meaning(action).role == "help"
    again = edit_roles(edited, RolesEdit({action: {"role": None}}), "roles.toml")
    assert parse_roles(again, "roles.toml").actions == ()


def test_a_shorthand_becomes_a_table_and_keeps_its_role() -> None:
    edited = edit_roles(TEXT, RolesEdit({"login": {"label": "Signs in"}}), "roles.toml")
    meaning = parse_roles(edited, "roles.toml").meaning("login")
    assert (meaning.role, meaning.label) == ("navigation", "Signs in")


def test_an_entry_wins_over_a_list() -> None:
    edited = edit_roles(TEXT, RolesEdit({"deal_lost": {"role": "bad_end"}}), "roles.toml")
    roles = parse_roles(edited, "roles.toml")
    assert roles.assign(["deal_lost", "deal_won"]) == {"deal_lost": "bad_end", "deal_won": "goal"}


def test_what_cannot_be_used_is_not_written() -> None:
    with pytest.raises(RolesError, match="role of 'a' is 'winner'; it may be"):
        edit_roles("", RolesEdit({"a": {"role": "winner"}}), "roles.toml")
    with pytest.raises(RolesError, match="not valid TOML"):
        edit_roles("[outcomes", RolesEdit({"a": {"role": "goal"}}), "roles.toml")
