import stat
from concurrent.futures import ThreadPoolExecutor

from grupa_pipeline.auth import sessions
from grupa_pipeline.auth.sessions import Sessions, session_key

ACCOUNTS = {"kim": "scrypt:hash", "lou": "scrypt:other"}


def test_a_session_belongs_to_its_user_until_it_expires(tmp_path, monkeypatch):
    warehouse_sessions = Sessions(tmp_path)
    cookie = warehouse_sessions.begin("kim", ACCOUNTS["kim"])
    assert warehouse_sessions.user(cookie, ACCOUNTS) == "kim"
    assert Sessions(tmp_path).user(cookie, ACCOUNTS) == "kim"
    monkeypatch.setattr(sessions, "SESSION_SECONDS", -1)
    assert warehouse_sessions.user(cookie, ACCOUNTS) is None


def test_ending_one_session_keeps_the_users_other_session(tmp_path):
    warehouse_sessions = Sessions(tmp_path)
    first, second = (warehouse_sessions.begin("kim", ACCOUNTS["kim"]) for _ in range(2))
    warehouse_sessions.end(first)
    assert warehouse_sessions.user(first, ACCOUNTS) is None
    assert warehouse_sessions.user(second, ACCOUNTS) == "kim"
    warehouse_sessions.end("forged")


def test_attempts_expire_and_are_cleared_by_a_sign_in(tmp_path):
    clock = [1000.0]
    warehouse_sessions = Sessions(tmp_path, lambda: clock[0])
    assert [warehouse_sessions.count_attempt("kim", "a") for _ in range(11)] == [True] * 10 + [False]
    warehouse_sessions.clear_attempts("kim")
    assert warehouse_sessions.count_attempt("kim", "a")
    for _ in range(9):
        warehouse_sessions.count_attempt("kim", "a")
    assert not warehouse_sessions.count_attempt("kim", "a")
    clock[0] += sessions.THROTTLE_SECONDS + 1
    assert warehouse_sessions.count_attempt("kim", "a")


def test_attempts_are_limited_by_address_too(tmp_path):
    warehouse_sessions = Sessions(tmp_path)
    allowed = [warehouse_sessions.count_attempt(f"user {number}", "10.0.0.1") for number in range(60)]
    assert allowed == [True] * 50 + [False] * 10
    assert warehouse_sessions.count_attempt("user 1", "10.0.0.2")


def test_processes_that_start_together_share_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: session_key(tmp_path / ".session_key"), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert stat.S_IMODE((tmp_path / ".session_key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [".session_key"]


def test_the_store_holds_no_name_and_only_its_owner_reads_it(tmp_path):
    Sessions(tmp_path).count_attempt("kim-the-user", "10.9.8.7")
    store = tmp_path / ".sign_in.sqlite"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert b"kim-the-user" not in store.read_bytes()
