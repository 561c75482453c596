"""`grupa user`: accounts, roles, sessions and tokens, declared with Typer as the commands of `commands.py`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grupa.cli.exit_status import ExitStatus
from grupa.cli.output_commands import WarehouseOption, app, read_settings
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole

if TYPE_CHECKING:
    from grupa_pipeline.settings import Settings

__all__ = ["app"]  # with the commands of this module, which is imported last


@app.command("user")
def user_command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Name of the user, as shown in plans.")] = None,
    sign_out_all: Annotated[
        bool, typer.Option("--sign-out-all", help="End every session: NAME's, or everybody's without NAME.")
    ] = False,
    role: Annotated[
        UserRole | None,
        typer.Option(help="What NAME may do; each may also do what those before it may (new users: viewer)."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Create a token of that name for NAME's scripts or agents.")
    ] = None,
    scope: Annotated[
        list[TokenScope] | None, typer.Option(help="What the token is for; may be given again (default: read).")
    ] = None,
    days: Annotated[int, typer.Option(metavar="N", help="Days for which the token holds.")] = 90,
    tokens: Annotated[bool, typer.Option("--tokens", help="List NAME's valid tokens.")] = False,
    revoke: Annotated[str | None, typer.Option(metavar="TOKEN", help="Revoke NAME's token of that name.")] = None,
    warehouse: WarehouseOption = None,
) -> int:
    """Add a user to GRUPA_USERS_FILE, change their password or role, end sessions, or create and revoke tokens."""
    from grupa_pipeline.settings import SettingError
    from grupa_pipeline.storage.file_modes import prepare

    settings = read_settings(GRUPA_WAREHOUSE=warehouse)
    prepare(settings)  # its audit log begins here
    if token is not None or tokens or revoke is not None:
        _require_owner(settings, name, must_come_in=token is not None)
        return _tokens(settings, name or "", create=token, scopes=scope, days=days, revoke=revoke)
    if sign_out_all and settings.people_sign_in:
        return _sign_out_all(settings, name)
    path = settings.users_file
    if path is None:
        raise SettingError("GRUPA_USERS_FILE is not set; set it to the file of users, here and for `grupa serve`.")
    if name is None:
        raise SettingError("Name the user: grupa user NAME. To end all sessions: grupa user --sign-out-all")
    return _set_account(settings, path, name, role)


def _sign_out_all(settings: "Settings", name: str | None) -> int:
    from grupa_pipeline.auth.sessions import Sessions
    from grupa_pipeline.storage.audit_log import AuditAction, record

    if name is not None:
        _require_owner(settings, name)
    Sessions(settings.warehouse).end_all(name)
    record(settings.warehouse, AuditAction.SIGN_OUT, f"all:{name}" if name else "all")
    print(f"{name or 'Everybody'} is signed out.")
    return ExitStatus.DONE


def _set_account(settings: "Settings", path: Path, name: str, role: UserRole | None) -> int:
    """Set the role of a user, or the password of one who may be new."""
    from grupa_pipeline.auth.accounts import read_accounts, set_password, set_role
    from grupa_pipeline.auth.sessions import Sessions
    from grupa_pipeline.storage.audit_log import AuditAction, record

    if role and path.exists() and name in read_accounts(path):
        set_role(path, name, role)
        record(settings.warehouse, AuditAction.ROLE, f"{name}:{role}")
        print(f"{name} is {role} now ({path}).")
        return ExitStatus.DONE
    is_new = set_password(path, name, _read_password(), role)
    Sessions(settings.warehouse).end_all(name)
    record(settings.warehouse, AuditAction.PASSWORD, name)
    if is_new or role:
        record(settings.warehouse, AuditAction.ROLE, f"{name}:{read_accounts(path)[name].role}")
    said = f"can sign in as {read_accounts(path)[name].role}" if is_new else "has a new password and is signed out"
    print(f"{name} {said} ({path}).")
    return ExitStatus.DONE


def _require_owner(settings: "Settings", name: str | None, *, must_come_in: bool = True) -> None:
    """Check that a user is named and, where they must come in, that Grupa knows them, if it knows anybody."""
    from grupa_pipeline.auth.gates import known_accounts
    from grupa_pipeline.settings import SettingError

    if name is None:
        raise SettingError("Name the user whose token it is: grupa user NAME --token TOKEN")
    accounts = known_accounts(settings) if must_come_in else None
    if accounts is not None and name not in accounts:
        where = f"in {settings.users_file}" if settings.users_file else "among those who signed in within thirty days"
        raise SettingError(f"There is no user {name} {where}.")


def _tokens(
    settings: "Settings",
    name: str,
    *,
    create: str | None,
    scopes: list[TokenScope] | None,
    days: int,
    revoke: str | None,
) -> int:
    """Revoke a token, create one, else list those of a user."""
    from grupa_pipeline.auth.tokens import AccessTokens
    from grupa_pipeline.storage.audit_log import AuditAction, record

    kept = AccessTokens.beside(settings.users_file, settings.warehouse)
    if revoke is not None:
        revoked = kept.revoke(name, revoke)
        record(settings.warehouse, AuditAction.TOKEN, f"revoke:{revoked.name}")
        print(f"The token {revoked.name} of {name} is revoked.", file=sys.stderr)
    if create is not None:
        made = kept.create(name, create, set(scopes or [TokenScope.READ]), days)
        record(settings.warehouse, AuditAction.TOKEN, f"create:{create}")
        print(f"A token of {name} for {days} days, shown this once:", file=sys.stderr)
        print(made)
    elif revoke is None:
        for each in kept.of(name):
            used = f"last used {each.used:%Y-%m-%d %H:%M}" if each.used else "never used"
            print(f"{each.name}: {', '.join(sorted(each.scopes))}; until {each.expires:%Y-%m-%d}; {used}")
    return ExitStatus.DONE


def _read_password() -> str:
    from getpass import getpass

    from grupa_pipeline.settings import SettingError

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise SettingError("The two passwords differ; nothing was changed.")
    return password
