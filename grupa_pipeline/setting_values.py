"""How the values of settings are read from text: paths, names of hosts and owners, days, prefixes, engines.

Each function takes a variable's text, or a value that is ready and stays as it is. A `ValueError` completes a sentence that
begins with the variable's name.
"""

import os
import re
from datetime import UTC, date, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from grupa_pipeline.vocabulary.enums import UserRole

Network = IPv4Network | IPv6Network
EARLIEST_DAY = date(1970, 1, 1)
"""The first day that a snapshot can have."""
DUCKDB = "duckdb"
"""The engine that computes in this process; any other is the address of a Spark cluster."""
_SPARK_ADDRESS = r"spark://[^/\s,:]+:\d+(,[^/\s,:]+:\d+)*|sc://[^/\s,:;]+(:\d+)?(/\S*)?"


def absolute_path(value: str | Path | None) -> Path | None:
    """A path as text (a variable's value), made absolute; a `Path` stays as it is."""
    return Path(value.strip()).expanduser().absolute() if isinstance(value, str) else value


def host_names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names in lower case, as text separated by commas or spaces."""
    return tuple(value.lower().replace(",", " ").split()) if isinstance(value, str) else value


def addresses(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Addresses as text, separated by spaces or lines; commas are parts of them."""
    return tuple(value.split()) if isinstance(value, str) else value


def known_engine(value: str) -> str:
    """`duckdb`, or the address of a Spark cluster."""
    engine = value.strip()
    if "token=" in engine:  # it would be visible in Dagster's UI
        raise ValueError("holds a token; put it into SPARK_CONNECT_AUTHENTICATE_TOKEN instead.")
    if engine != DUCKDB and not re.fullmatch(_SPARK_ADDRESS, engine):
        advice = f"give {DUCKDB}, spark://host:port (a standalone cluster) or sc://host:port (Spark Connect)."
        raise ValueError(f"is {engine!r}; {advice}")
    return engine


def first_day(value: str | date | None) -> date | None:
    """A day from `EARLIEST_DAY` to today; None for that of the events."""
    if not isinstance(value, str):
        return value
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        day = date.max
    if not EARLIEST_DAY <= day <= datetime.now(UTC).date():
        raise ValueError(f"is {value.strip()!r}; give a day from {EARLIEST_DAY} to today, as YYYY-MM-DD.")
    return day


def owner_names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """E-mail addresses and `team:NAME`, as Dagster takes them, separated by commas or spaces."""
    owners = tuple(value.replace(",", " ").split()) if isinstance(value, str) else value
    for owner in owners:
        if not re.fullmatch(r"team:\S+|[^@\s]+@[^@\s]+\.[^@\s.]+", owner):
            raise ValueError(f"holds {owner!r}; give e-mail addresses or team:NAME, with commas between.")
    return owners


def url_path(value: str) -> str:
    """The prefix with one slash at each end; `/` for none."""
    prefix = "/".join(("", *filter(None, value.strip().split("/")), ""))
    if not re.fullmatch(r"/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*", prefix):
        raise ValueError(f"is {value.strip()!r}; give a path of letters, digits, - and _, such as /grupa/.")
    return prefix


def folders(value: str | tuple[Path, ...]) -> tuple[Path, ...]:
    """Paths as text, separated as in `PATH`."""
    return (
        tuple(Path(text.strip()).expanduser().absolute() for text in value.split(os.pathsep) if text.strip())
        if isinstance(value, str)
        else value
    )


def networks(value: str | tuple[Network, ...]) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas or spaces."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(text) for text in value.replace(",", " ").split())
    except ValueError as error:
        raise ValueError(f"holds no list of addresses ({error}); give it as in 10.1.2.3 10.2.0.0/16.") from None


def group_roles(value: str | dict[str, UserRole]) -> dict[str, UserRole]:
    """Roles by group, as text: `growth=planner, data team=operator`."""
    if not isinstance(value, str):
        return value
    roles: dict[str, UserRole] = {}
    for part in filter(None, (each.strip() for each in value.split(","))):
        group, _, role = (text.strip() for text in part.rpartition("="))
        if not group or role not in set(UserRole):
            raise ValueError(
                f"holds {part!r}; give group=role with commas between; the roles are {', '.join(UserRole)}."
            )
        roles[group] = UserRole(role)
    return roles


def issuer(value: str | None) -> str | None:
    """An address of https, or of this machine."""
    if value is None:
        return None
    parts = urlsplit(value.strip())
    is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or not (parts.scheme == "https" or is_local) or parts.query or parts.fragment:
        raise ValueError("is no issuer; give the provider's address with https, as its ID tokens name it.")
    return value.strip()


def hex_color(value: str) -> str:
    """A colour as `#RRGGBB`."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", value.strip()):
        raise ValueError(f"is {value!r}; give a colour as #RRGGBB, such as #2F5FD0.")
    return value.strip()
