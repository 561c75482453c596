import stat
from concurrent.futures import ThreadPoolExecutor

from grupa_pipeline.auth import sessions
from grupa_pipeline.auth.sessions import Sessions, session_key

ACCOUNTS = {"kim": "scrypt:hash", "lou": "scrypt:other"}


def test_a_session_is_its_users_until_it_is_too_old(tmp_path, monkeypatch):
    made = Sessions(tmp_path)
    cookie = made.begin("kim", ACCOUNTS["kim"])
    assert made.user(cookie, ACCOUNTS) == "kim"
    assert Sessions(tmp_path).user(cookie, ACCOUNTS) == "kim"
    monkeypatch.setattr(sessions, "SESSION_SECONDS", -1)
    assert made.user(cookie, ACCOUNTS) is None


def test_two_sessions_of_a_user_end_alone(tmp_path):
    made = Sessions(tmp_path)
    first, second = (made.begin("kim", ACCOUNTS["kim"]) for _ in range(2))
    made.end(first)
    assert made.user(first, ACCOUNTS) is None
    assert made.user(second, ACCOUNTS) == "kim"
    made.end("forged")


def test_attempts_age_and_are_forgiven(tmp_path):
    clock = [1000.0]
    made = Sessions(tmp_path, lambda: clock[0])
    assert [made.may_try("kim", "a") for _ in range(11)] == [True] * 10 + [False]
    made.was_right("kim")
    assert made.may_try("kim", "a")
    for _ in range(9):
        made.may_try("kim", "a")
    assert not made.may_try("kim", "a")
    clock[0] += sessions.THROTTLE_SECONDS + 1
    assert made.may_try("kim", "a")


def test_one_address_may_not_try_every_name(tmp_path):
    made = Sessions(tmp_path)
    tried = [made.may_try(f"user {number}", "10.0.0.1") for number in range(60)]
    assert tried == [True] * 50 + [False] * 10
    assert made.may_try("user 1", "10.0.0.2")


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: session_key(tmp_path / ".session_key"), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert stat.S_IMODE((tmp_path / ".session_key").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [".session_key"]


def test_the_ledger_keeps_no_name_and_is_the_owners_alone(tmp_path):
    Sessions(tmp_path).may_try("kim-the-user", "10.9.8.7")
    ledger = tmp_path / ".sign_in.sqlite"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    assert b"kim-the-user" not in ledger.read_bytes()
