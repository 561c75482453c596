import io
import stat

import pytest
from werkzeug.security import generate_password_hash

from grupa.cli import main
from grupa_pipeline.auth.accounts import (
    AccountsError,
    is_password,
    read_accounts,
    roleless_warning,
    set_password,
    set_role,
)
from grupa_pipeline.auth.sessions import Sessions
from grupa_pipeline.vocabulary.enums import UserRole


@pytest.fixture(autouse=True)
def warehouse(tmp_path, monkeypatch):
    """A warehouse of its own, for what the command records and ends."""
    monkeypatch.setenv("GRUPA_WAREHOUSE", str(tmp_path / "warehouse"))
    return tmp_path / "warehouse"


@pytest.mark.slow
def test_a_user_is_added_changed_and_others_stay(tmp_path):
    path = tmp_path / "new folder" / "users"
    assert set_password(path, "kim", "first password")
    assert set_password(path, "lou", "lous password")
    assert not set_password(path, "kim", "second password")
    accounts = read_accounts(path)
    assert set(accounts) == {"kim", "lou"}
    assert is_password(accounts, "kim", "second password")
    assert is_password(accounts, "lou", "lous password")
    assert not is_password(accounts, "kim", "first password")
    assert not is_password(accounts, "nobody", "second password")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "password" not in path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["users"]


@pytest.mark.parametrize("name", ["", "=kim", "a:b", "a b", "<b>", "x" * 65, "a\nb", "_"])
def test_invalid_names_are_refused(tmp_path, name):
    with pytest.raises(AccountsError, match="cannot be a user name"):
        set_password(tmp_path / "users", name, "a long password")


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1025])
def test_invalid_passwords_are_refused(tmp_path, password):
    with pytest.raises(AccountsError, match="12 to 128"):
        set_password(tmp_path / "users", "kim", password)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no user"),
        ("# no user yet\n\n", "holds no user"),
        ("kim:secret-password\n", "line 1: not name:hash"),
        ("# x\nkim:$2y$05$abc\n", "line 2"),
    ],
)
def test_an_invalid_file_is_refused_without_showing_its_lines(tmp_path, text, message):
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(AccountsError, match=message) as caught:
        read_accounts(path)
    assert "secret-password" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(AccountsError, match="grupa user NAME"):
        read_accounts(tmp_path / "users")


def test_the_command_reads_a_password_from_a_pipe(tmp_path, monkeypatch, capsys):
    path = tmp_path / "users"
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    monkeypatch.setattr("sys.stdin", io.StringIO("a piped password\n"))
    assert main.main(["user", "kim"]) == 0
    assert is_password(read_accounts(path), "kim", "a piped password")
    assert "a piped password" not in "".join(capsys.readouterr())


def test_the_command_needs_the_variable_of_the_file(monkeypatch, capsys):
    monkeypatch.delenv("GRUPA_USERS_FILE", raising=False)
    assert main.main(["user", "kim"]) == 2
    assert "GRUPA_USERS_FILE" in capsys.readouterr().err


def test_a_new_password_by_the_command_ends_the_sessions_that_are_listed(
    tmp_path, warehouse, monkeypatch, quick_passwords
):
    path = tmp_path / "users"
    set_password(path, "kim", "a long password")
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    monkeypatch.setattr("sys.stdin", io.StringIO("another long password\n"))
    sessions = Sessions(warehouse)
    sessions.begin("kim", read_accounts(path)["kim"].password_hash)
    assert main.main(["user", "kim"]) == 0
    assert sessions.open_sessions("kim") == []


def test_the_command_ends_sessions(tmp_path, monkeypatch, capsys, quick_passwords):
    path = tmp_path / "users"
    set_password(path, "kim", "a long password")
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    sessions = Sessions(tmp_path / "warehouse")
    cookie = sessions.begin("kim", read_accounts(path)["kim"].password_hash)
    assert main.main(["user", "nobody", "--sign-out-all"]) == main.main(["user"]) == 2
    assert sessions.user(cookie, read_accounts(path)) == "kim"
    assert main.main(["user", "--sign-out-all"]) == 0
    assert sessions.user(cookie, read_accounts(path)) is None
    assert "signed out" in capsys.readouterr().out


def test_a_role_is_kept_with_the_password_and_changed_without_it(tmp_path, quick_passwords):
    path = tmp_path / "users"
    set_password(path, "kim", "a long password")
    set_password(path, "lou", "a long password", UserRole.OPERATOR)
    assert {name: account.role for name, account in read_accounts(path).items()} == {"kim": "viewer", "lou": "operator"}
    set_password(path, "lou", "another long password")
    set_role(path, "kim", UserRole.PLANNER)
    accounts = read_accounts(path)
    assert (accounts["kim"].role, accounts["lou"].role) == (UserRole.PLANNER, UserRole.OPERATOR)
    assert is_password(accounts, "kim", "a long password")
    with pytest.raises(AccountsError, match="no user ann"):
        set_role(path, "ann", UserRole.ADMIN)


def test_accounts_of_earlier_releases_become_admins_and_are_named(tmp_path, quick_passwords):
    path = tmp_path / "users"
    for name in ("kim", "lou", "max"):
        set_password(path, name, "a long password")
    path.write_text(path.read_text().replace(":viewer", ""))
    set_role(path, "max", UserRole.PLANNER)
    accounts = read_accounts(path)
    assert [accounts[name].role for name in ("kim", "lou", "max")] == ["admin", "admin", "planner"]
    assert "kim, lou: no role" in str(roleless_warning(accounts))
    set_password(path, "kim", "another long password")
    assert read_accounts(path)["kim"].role == UserRole.ADMIN
    assert roleless_warning({"kim": read_accounts(path)["kim"]}) is None


def test_the_command_gives_a_role(tmp_path, monkeypatch, capsys, quick_passwords):
    path = tmp_path / "users"
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    monkeypatch.setattr("sys.stdin", io.StringIO("a piped password\n"))
    assert main.main(["user", "kim", "--role", "operator"]) == 0
    assert "kim can sign in as operator" in capsys.readouterr().out
    assert main.main(["user", "kim", "--role", "admin"]) == 0
    assert read_accounts(path)["kim"].role == UserRole.ADMIN
    assert main.main(["user", "kim", "--role", "king"]) == 2


@pytest.mark.parametrize(
    "password", ["password1234", "123456789012", "kimkimkimkim", "iloveyou1234", "grupagrupagrupa"]
)
def test_passwords_that_are_guessed_first_are_refused(tmp_path, password):
    with pytest.raises(AccountsError, match="first that somebody would guess"):
        set_password(tmp_path / "users", "kim", password)


def test_short_passwords_of_earlier_releases_stay_valid(tmp_path):
    path = tmp_path / "users"
    path.write_text(f"kim:{generate_password_hash('short', 'scrypt:1024:8:1')}\n")
    assert is_password(read_accounts(path), "kim", "short")
