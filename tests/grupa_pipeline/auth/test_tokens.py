"""Tokens: hashed at rest, scoped, bounded by their owner's role, expiring and revocable."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grupa_pipeline.auth.accounts import Account
from grupa_pipeline.auth.tokens import MAX_DAYS, MAX_TOKENS, AccessToken, AccessTokens, TokenError, bearer, token_user
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole
from tests.grupa_pipeline.auth.clocks import Clock

BOTH = {TokenScope.READ, TokenScope.PLAN}
DAY = 24 * 3600


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> AccessTokens:
    return AccessTokens(tmp_path / "users.tokens.sqlite", clock)


def test_a_token_is_known_by_its_text_alone(tokens: AccessTokens, tmp_path: Path) -> None:
    text = tokens.create("kim", "nightly", BOTH)
    found = tokens.find(text)
    assert found is not None
    assert (found.owner, found.name, found.scopes, found.agent) == ("kim", "nightly", BOTH, "agent:nightly")
    [file] = tmp_path.iterdir()
    assert text.rpartition("_")[2].encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_forged_tokens_are_unknown(tokens: AccessTokens) -> None:
    text = tokens.create("kim", "nightly", BOTH)
    other = tokens.create("kim", "weekly", BOTH)
    forged = [
        "",
        "grupa_",
        text[:-1],
        text + "x",
        text[:-1] + ("a" if text[-1] != "a" else "b"),
        text.upper(),
        text[:18] + other[18:],
        text.replace("grupa_", ""),
        f"{text[:6]}{'0' * 12}{text[18:]}",
        text + "\n",
    ]
    assert [tokens.find(each) for each in forged] == [None] * len(forged)


def test_before_the_first_token_none_is_known_and_no_file_is_made(tokens: AccessTokens, tmp_path: Path) -> None:
    assert tokens.find(f"grupa_{'0' * 12}_{'a' * 43}") is None
    assert tokens.of("kim") == []
    assert list(tmp_path.iterdir()) == []


def test_a_token_ends_with_its_days(tokens: AccessTokens, clock: Clock) -> None:
    text = tokens.create("kim", "nightly", BOTH, days=3)
    clock.now += 3 * DAY - 1
    assert tokens.find(text)
    clock.now += 1
    assert tokens.find(text) is None
    assert tokens.of("kim") == []


def test_a_revoked_token_is_unknown_from_the_next_request(tokens: AccessTokens, tmp_path: Path, clock: Clock) -> None:
    text, kept = tokens.create("kim", "nightly", BOTH), tokens.create("kim", "weekly", BOTH)
    elsewhere = AccessTokens(tmp_path / "users.tokens.sqlite", clock)
    assert elsewhere.find(text)
    tokens.revoke("kim", "nightly")
    assert elsewhere.find(text) is None
    assert elsewhere.find(kept)
    with pytest.raises(TokenError, match="no valid token"):
        tokens.revoke("kim", "nightly")


def test_nobody_revokes_the_token_of_another(tokens: AccessTokens) -> None:
    text = tokens.create("kim", "nightly", BOTH)
    with pytest.raises(TokenError):
        tokens.revoke("lou", "nightly")
    assert tokens.find(text)


def test_its_last_use_is_noted_to_the_minute(tokens: AccessTokens, clock: Clock) -> None:
    text = tokens.create("kim", "nightly", BOTH)
    assert tokens.of("kim")[0].used is None
    clock.now += 100
    first = datetime.fromtimestamp(clock.now, UTC)
    tokens.find(text)
    clock.now += 59
    tokens.find(text)
    assert tokens.of("kim")[0].used == first
    clock.now += 2
    tokens.find(text)
    assert tokens.of("kim")[0].used == datetime.fromtimestamp(clock.now, UTC)


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("", BOTH, 1),
        ("a b", BOTH, 1),
        ("<b>", BOTH, 1),
        ("x" * 41, BOTH, 1),
        ("x", set(), 1),
        ("x", BOTH, 0),
        ("x", BOTH, MAX_DAYS + 1),
    ],
)
def test_what_cannot_be_a_token_is_refused(tokens: AccessTokens, name: str, scopes: set[TokenScope], days: int) -> None:
    with pytest.raises(TokenError):
        tokens.create("kim", name, scopes, days)


def test_a_name_is_that_of_one_valid_token(tokens: AccessTokens) -> None:
    tokens.create("kim", "nightly", BOTH)
    with pytest.raises(TokenError, match="already"):
        tokens.create("lou", "nightly", BOTH)
    tokens.revoke("kim", "nightly")
    assert tokens.create("lou", "nightly", BOTH)


def test_an_owner_has_so_many_tokens(tokens: AccessTokens) -> None:
    for number in range(MAX_TOKENS):
        tokens.create("kim", f"t{number}", BOTH)
    with pytest.raises(TokenError, match="revoke one"):
        tokens.create("kim", "one-more", BOTH)
    assert tokens.create("lou", "one-more", BOTH)


@pytest.mark.parametrize("role", UserRole)
def test_a_token_may_do_no_more_than_its_owner_and_its_scopes(role: UserRole) -> None:
    now = datetime.now(UTC)
    accounts = {"kim": Account("hash", role)}
    both, read = (AccessToken("1", "kim", "t", frozenset(each), now, now) for each in (BOTH, {TokenScope.READ}))
    planner = UserRole.VIEWER if role == UserRole.VIEWER else UserRole.PLANNER
    assert token_user(both, accounts).role == planner  # type: ignore[union-attr]
    assert token_user(read, accounts).role == UserRole.VIEWER  # type: ignore[union-attr]
    assert token_user(both, {}) is None
    assert token_user(both, None).role == UserRole.PLANNER  # type: ignore[union-attr]


def test_only_a_bearer_is_a_token() -> None:
    assert bearer("Bearer x") == bearer("bearer  x ") == "x"
    assert bearer("Basic x") is None
    assert bearer("") is None
