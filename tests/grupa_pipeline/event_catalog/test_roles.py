from pathlib import Path

import pytest

from grupa_pipeline.event_catalog.name_rules import read_name
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.event_catalog.roles_file import RolesError
from tests import ROOT

EXAMPLE = ROOT / "roles.example.toml"


@pytest.mark.parametrize(
    ("action", "role"),
    [
        ("proposal_create", "proposal_create"),
        ("ProposalSubmitted", "proposal_submit"),
        ("revise proposal", "proposal_revise"),
        ("proposal_withdrawn", "proposal_withdraw"),
        ("feature_use", "feature"),
        ("featureUsed", "feature"),
        ("deal_complete", "goal"),
        ("deal-won", "goal"),
        ("A_APPROVED", "goal"),
        ("A_ACTIVATED", "goal"),
        ("O_ACCEPTED", "goal"),
        ("Purchase", "goal"),
        ("A_DECLINED", "bad_end"),
        ("O_CANCELLED", "bad_end"),
        ("drop_off", "bad_end"),
        ("dropOff", "bad_end"),
        ("support_ticket", "help"),
        ("subscription_canceled", "bad_end"),
        ("payment_failed", "error"),
        ("deal_lost", "bad_end"),
    ],
)
def test_roles_are_inferred_from_names(action: str, role: str) -> None:
    assert read_name(action).role == role


@pytest.mark.parametrize(
    "action",
    [
        "login",
        "search",
        "message_send",
        "W_Completeren aanvraag",
        "A_PREACCEPTED",
        "A_SUBMITTED",
        "O_SENT_BACK",
        "PushEvent",
        "IssuesEvent:closed",
        "Course activity completion updated",
        "The user has accepted the statement of the submission.",
        "cookies_accepted",
        "ticket_search",
        "profile_complete",
        "drop_file",
        "",
    ],
)
def test_similar_names_have_no_role(action: str) -> None:
    assert read_name(action).role is None


def test_looking_at_a_page_is_navigation_whatever_the_page_is_for() -> None:
    assert read_name("purchase_page_viewed").role == "navigation"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "roles.toml"
    path.write_text(text)
    return path


def test_a_file_replaces_the_roles_it_names_and_no_others(tmp_path: Path) -> None:
    roles = Roles.load(write(tmp_path, '[outcomes]\ngood = ["hired", "contract_*"]\n[features]\nkey = "module"\n'))
    assert roles.feature_key == "module"
    assert roles.assign(["hired", "contract_signed", "deal_complete", "drop_off", "hired!"]) == {
        "hired": "goal",
        "contract_signed": "goal",
        "drop_off": "bad_end",
    }


def test_an_empty_list_means_none(tmp_path: Path) -> None:
    assert Roles.load(write(tmp_path, "[outcomes]\nbad = []\n")).assign(["drop_off", "deal_complete"]) == {
        "deal_complete": "goal"
    }


def test_an_exact_name_wins_over_a_pattern_and_a_longer_pattern_over_a_shorter(tmp_path: Path) -> None:
    text = '[outcomes]\ngood = ["deal_*", "x[1]?"]\nbad = ["deal_lost", "deal_off*"]\n'
    roles = Roles.load(write(tmp_path, text))
    assert roles.assign(["deal_won", "deal_lost", "deal_official", "x[1]?", "x1y"]) == {
        "deal_won": "goal",
        "deal_lost": "bad_end",
        "deal_official": "bad_end",
        "x[1]?": "goal",
    }


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[outcomes]\n\ngod = []\n", ["roles.toml, line 3", "'god'", "good, bad"]),
        ("[outcome]\ngood = []\n", ["roles.toml, line 1", "'outcome'", "[outcomes]"]),
        ("good = []\n", ["roles.toml, line 1", "'good'"]),
        ('[outcomes]\ngood = "deal"\n', ["roles.toml, line 2", "list of action names"]),
        ("[outcomes]\ngood = [1]\n", ["roles.toml, line 2", "list of action names"]),
        ("[features]\nkey = 3\n", ["roles.toml, line 2", "name of a metadata key"]),
        ("[outcomes\n", ["roles.toml", "not valid TOML", "line 1"]),
        ('[outcomes]\ngood = ["a"]\nbad = ["a"]\n', ["roles.toml, line 3", "'a'", "[outcomes] good", "keep one"]),
    ],
)
def test_an_invalid_file_is_reported_with_its_line(tmp_path: Path, text: str, messages: list[str]) -> None:
    with pytest.raises(RolesError) as error:
        Roles.load(write(tmp_path, text))
    assert all(part in str(error.value) for part in messages), str(error.value)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match=r"nowhere\.toml: cannot be read"):
        Roles.load(tmp_path / "nowhere.toml")


def test_the_hash_changes_with_the_roles(tmp_path: Path) -> None:
    assert Roles().sha256() == Roles.load(None).sha256()
    assert Roles().sha256() != Roles(goal=()).sha256() != Roles(goal=("a",)).sha256()


def test_the_example_file_gives_its_actions_the_default_roles() -> None:
    roles = Roles.load(EXAMPLE)
    lists = (roles.goal, roles.bad_end, roles.proposal_create, roles.feature, roles.help)
    listed = [action for actions in lists for action in actions or ()]
    assert listed
    assert roles.assign(listed) == Roles().assign(listed)
