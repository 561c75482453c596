"""`grupa user` with tokens."""

import re

import pytest

from grupa.cli.main import main
from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.auth.tokens import AccessTokens
from grupa_pipeline.storage import audit_log
from grupa_pipeline.vocabulary.enums import TokenScope


@pytest.fixture
def users(tmp_path, monkeypatch, quick_passwords):
    path = tmp_path / "users"
    set_password(path, "kim", "a long enough password")
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    monkeypatch.setenv("GRUPA_WAREHOUSE", str(tmp_path / "warehouse"))
    return path


def test_a_token_is_created_listed_and_revoked(users, tmp_path, capsys):
    words = ["user", "kim", "--token", "nightly", "--scope", "read", "--scope", "plan", "--days", "7"]
    assert main(words) == 0
    text = capsys.readouterr().out.strip()
    tokens = AccessTokens.beside(users, tmp_path / "warehouse")
    assert tokens.find(text).scopes == set(TokenScope)
    assert main(["user", "kim", "--tokens"]) == 0
    listed = capsys.readouterr().out
    assert re.fullmatch(r"nightly: plan, read; until \d{4}-\d\d-\d\d; last used [\d -]+:\d\d\n", listed)
    assert main(["user", "kim", "--revoke", "nightly"]) == 0
    assert tokens.find(text) is None
    found = audit_log.query(tmp_path / "warehouse", "SELECT action, subject FROM audit_log").fetchall()
    assert found == [("token", "create:nightly"), ("token", "revoke:nightly")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token", "t"], "Name the user"),
        (["nobody", "--token", "t"], "no user nobody"),
        (["kim", "--token", "a b"], "cannot be a token's name"),
        (["kim", "--token", "t", "--days", "0"], "1 to 366 days"),
        (["kim", "--revoke", "t"], "no valid token"),
    ],
)
def test_what_cannot_be_done_is_told(users, capsys, words, said):
    assert main(["user", *words]) == 2
    assert said in capsys.readouterr().err
