import io
import stat

import pytest

from grupa.cli import main
from grupa_pipeline.auth.accounts import AccountsError, is_password, read_accounts, set_password
from grupa_pipeline.auth.sessions import Sessions


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


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_invalid_passwords_are_refused(tmp_path, password):
    with pytest.raises(AccountsError, match="8 to 1,024"):
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


def test_the_command_ends_sessions(tmp_path, monkeypatch, capsys, quick_passwords):
    path = tmp_path / "users"
    set_password(path, "kim", "a long password")
    monkeypatch.setenv("GRUPA_USERS_FILE", str(path))
    monkeypatch.setenv("GRUPA_WAREHOUSE", str(tmp_path / "warehouse"))
    sessions = Sessions(tmp_path / "warehouse")
    cookie = sessions.begin("kim", read_accounts(path)["kim"])
    assert main.main(["user", "nobody", "--sign-out-all"]) == main.main(["user"]) == 2
    assert sessions.user(cookie, read_accounts(path)) == "kim"
    assert main.main(["user", "--sign-out-all"]) == 0
    assert sessions.user(cookie, read_accounts(path)) is None
    assert "signed out" in capsys.readouterr().out
