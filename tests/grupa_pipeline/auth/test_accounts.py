import io
import stat

import pytest

from grupa.cli import main
from grupa_pipeline.auth.accounts import AccountsError, is_right, keep_account, read_accounts


def test_a_user_is_added_changed_and_others_stay(tmp_path):
    path = tmp_path / "kept" / "users"
    assert keep_account(path, "kim", "first password")
    assert keep_account(path, "lou", "lous password")
    assert not keep_account(path, "kim", "second password")
    accounts = read_accounts(path)
    assert set(accounts) == {"kim", "lou"}
    assert is_right(accounts, "kim", "second password")
    assert is_right(accounts, "lou", "lous password")
    assert not is_right(accounts, "kim", "first password")
    assert not is_right(accounts, "nobody", "second password")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "password" not in path.read_text()
    assert [each.name for each in path.parent.iterdir()] == ["users"]


@pytest.mark.parametrize("name", ["", "=kim", "a:b", "a b", "<b>", "x" * 65, "a\nb", "_"])
def test_names_that_cannot_be(tmp_path, name):
    with pytest.raises(AccountsError, match="no name for a user"):
        keep_account(tmp_path / "users", name, "a long password")


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_passwords_that_cannot_be(tmp_path, password):
    with pytest.raises(AccountsError, match="8 to 1,024"):
        keep_account(tmp_path / "users", "kim", password)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names nobody"),
        ("# nobody yet\n\n", "names nobody"),
        ("kim:secret-password\n", "line 1: not name:hash"),
        ("# x\nkim:$2y$05$abc\n", "line 2"),
    ],
)
def test_a_file_that_is_none_says_where_without_showing_it(tmp_path, text, message):
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(AccountsError, match=message) as caught:
        read_accounts(path)
    assert "secret-password" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(AccountsError, match="grupa user NAME"):
        read_accounts(tmp_path / "users")


def test_the_command_takes_a_password_from_a_pipe(tmp_path, monkeypatch, capsys):
    path = tmp_path / "users"
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    monkeypatch.setattr("sys.stdin", io.StringIO("a piped password\n"))
    assert main.main(["user", "kim"]) == 0
    assert is_right(read_accounts(path), "kim", "a piped password")
    assert "a piped password" not in "".join(capsys.readouterr())


def test_the_command_needs_to_know_the_file(monkeypatch, capsys):
    monkeypatch.delenv("GRUPA_USERS_FILE", raising=False)
    assert main.main(["user", "kim"]) == 2
    assert "GRUPA_USERS_FILE" in capsys.readouterr().err
