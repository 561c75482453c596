import sqlite3
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from grupa_pipeline.auth import sessions
from grupa_pipeline.auth.accounts import Account
from grupa_pipeline.auth.open_sessions import IDLE_SECONDS
from grupa_pipeline.auth.sessions import Sessions, session_key
from grupa_pipeline.vocabulary.enums import UserRole

ACCOUNTS = {name: Account(f"scrypt:{name}", UserRole.VIEWER) for name in ("kim", "lou")}


def test_a_session_belongs_to_its_user_until_it_expires(tmp_path, monkeypatch):
    warehouse_sessions = Sessions(tmp_path)
    cookie = warehouse_sessions.begin("kim", ACCOUNTS["kim"].password_hash)
    assert warehouse_sessions.user(cookie, ACCOUNTS) == "kim"
    assert Sessions(tmp_path).user(cookie, ACCOUNTS) == "kim"
    monkeypatch.setattr(sessions, "SESSION_SECONDS", -1)
    assert warehouse_sessions.user(cookie, ACCOUNTS) is None


def test_ending_one_session_keeps_the_users_other_session(tmp_path):
    warehouse_sessions = Sessions(tmp_path)
    first, second = (warehouse_sessions.begin("kim", ACCOUNTS["kim"].password_hash) for _ in range(2))
    warehouse_sessions.end(first)
    assert warehouse_sessions.user(first, ACCOUNTS) is None
    assert warehouse_sessions.user(second, ACCOUNTS) == "kim"
    warehouse_sessions.end("forged")


def waits(store: Sessions, attempts: Iterable[tuple[str, str]]) -> list[int]:
    return [store.count_attempt(name, address) for name, address in attempts]


def test_wrong_passwords_from_one_address_wait_longer_and_longer(tmp_path):
    clock = [1000.0]
    warehouse_sessions = Sessions(tmp_path, lambda: clock[0])
    assert waits(warehouse_sessions, [("kim", "a")] * 11) == [0] * 10 + [1]
    seen = []
    for _ in range(12):
        seen.append(warehouse_sessions.count_attempt("kim", "a"))
        clock[0] += seen[-1]
        assert warehouse_sessions.count_attempt("kim", "a") == 0
    assert seen == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert waits(warehouse_sessions, [("kim", "b"), ("lou", "a")]) == [0, 0]
    clock[0] += sessions.FORGET_SECONDS + 1
    assert waits(warehouse_sessions, [("kim", "a")] * 10) == [0] * 10


def test_a_right_password_forgives_its_name_and_address(tmp_path):
    warehouse_sessions = Sessions(tmp_path)
    for _ in range(60):
        assert warehouse_sessions.count_attempt("kim", "a") == 0
        warehouse_sessions.clear_attempts("kim", "a")
    assert waits(warehouse_sessions, [("kim", "a")] * 10) == [0] * 10


def test_a_name_guessed_from_everywhere_is_slowed_and_its_sessions_stay(tmp_path):
    clock = [1000.0]
    warehouse_sessions = Sessions(tmp_path, lambda: clock[0])
    cookie = warehouse_sessions.begin("kim", ACCOUNTS["kim"].password_hash)
    allowed = waits(warehouse_sessions, [("kim", f"10.0.0.{number}") for number in range(100)]).count(0)
    assert allowed == sessions.FREE_FAILURES["name"] + 1
    for number in range(20):
        clock[0] += sessions.MAX_WAIT_SECONDS["name"]
        assert warehouse_sessions.count_attempt("kim", f"192.0.2.{number}") == 0
    assert warehouse_sessions.user(cookie, ACCOUNTS) == "kim"
    assert warehouse_sessions.count_attempt("lou", "10.0.0.1") == 0


def test_a_clock_that_is_set_back_locks_nobody(tmp_path):
    clock = [1_000_000.0]
    warehouse_sessions = Sessions(tmp_path, lambda: clock[0])
    waits(warehouse_sessions, [("kim", "a")] * 10)
    clock[0] -= 86_400
    assert warehouse_sessions.count_attempt("kim", "a") == 1


def test_all_sessions_of_a_user_or_of_everybody_end_at_once(tmp_path):
    serving = Sessions(tmp_path)
    kim, lou = (serving.begin(name, ACCOUNTS[name].password_hash) for name in ("kim", "lou"))
    Sessions(tmp_path).end_all("kim")
    assert [serving.user(cookie, ACCOUNTS) for cookie in (kim, lou)] == [None, "lou"]
    kim = serving.begin("kim", ACCOUNTS["kim"].password_hash)
    assert serving.user(kim, ACCOUNTS) == "kim"
    Sessions(tmp_path).end_all()
    assert [serving.user(cookie, ACCOUNTS) for cookie in (kim, lou)] == [None, None]


def test_the_store_of_an_earlier_release_is_read(tmp_path):
    with closing(sqlite3.connect(tmp_path / ".sign_in.sqlite")) as con:
        con.execute("CREATE TABLE attempts (kind TEXT, who TEXT, at REAL)")
    assert Sessions(tmp_path).count_attempt("kim", "a") == 0


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


def test_a_session_that_nobody_uses_ends_and_timers_do_not_use_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "SESSION_SECONDS", 10**9)
    clock = [1_000_000.0]
    warehouse_sessions = Sessions(tmp_path, lambda: clock[0])
    cookie = warehouse_sessions.begin("kim", ACCOUNTS["kim"].password_hash)
    for _ in range(3):
        clock[0] += IDLE_SECONDS - 1
        assert warehouse_sessions.user(cookie, ACCOUNTS) == "kim"
    clock[0] += IDLE_SECONDS - 1
    assert warehouse_sessions.user(cookie, ACCOUNTS, by_person=False) == "kim"
    clock[0] += 2
    assert warehouse_sessions.user(cookie, ACCOUNTS) is None


def test_a_user_sees_and_ends_their_own_sessions_alone(tmp_path):
    warehouse_sessions = Sessions(tmp_path)
    cookie = warehouse_sessions.begin("kim", ACCOUNTS["kim"].password_hash, "10.9.8.7", "Firefox")
    (own,) = warehouse_sessions.open_sessions("kim")
    assert (own.address, own.agent) == ("10.9.8.7", "Firefox")
    assert not warehouse_sessions.end_own("lou", own.session)
    assert warehouse_sessions.user(cookie, ACCOUNTS) == "kim"
    assert warehouse_sessions.end_own("kim", own.session)
    assert warehouse_sessions.user(cookie, ACCOUNTS) is None
    assert warehouse_sessions.open_sessions("kim") == []


def test_sessions_that_are_over_are_not_listed_and_the_next_sign_in_deletes_their_addresses(tmp_path):
    clock = [1_000_000.0]
    warehouse_sessions = Sessions(tmp_path, lambda: clock[0])
    cookie = warehouse_sessions.begin("kim", ACCOUNTS["kim"].password_hash, "10.9.8.7", "Firefox")
    for _ in range(sessions.SESSION_SECONDS // (IDLE_SECONDS - 1) + 1):
        clock[0] += IDLE_SECONDS - 1
        warehouse_sessions._open_sessions.use(str(warehouse_sessions.session_of(cookie)), "", by_person=True)
    assert clock[0] > 1_000_000.0 + sessions.SESSION_SECONDS
    assert warehouse_sessions.open_sessions("kim") == []
    warehouse_sessions.begin("lou", ACCOUNTS["lou"].password_hash, "10.9.8.6", "Chromium")
    with closing(sqlite3.connect(tmp_path / ".sign_in.sqlite")) as con:
        assert con.execute("SELECT address FROM open_sessions").fetchall() == [("10.9.8.6",)]
