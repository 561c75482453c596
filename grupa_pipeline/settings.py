"""Every setting of the house, read once from the environment into one frozen object.

No other module reads `os.environ`. Secrets stay in the environment: only whether a usable key is there is kept here.
"""

import errno
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_MODELS = {"openai": "gpt-5.4-mini", "anthropic": "claude-haiku-4-5"}
"""Model taken when only a key is given; in the order in which keys are looked for."""

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
LOG_FORMATS = ("text", "json")
_SPARK_ADDRESS = r"spark://[^/\s,:]+:\d+(,[^/\s,:]+:\d+)*|sc://[^/\s,:;]+(:\d+)?(/\S*)?"

BASE_URL_VARIABLES = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}


class SettingError(ValueError):
    """A setting that cannot be used; the message names it and says what to do."""


@dataclass(frozen=True)
class Settings:
    """Settings of one process.

    Attributes:
        warehouse: Folder that holds the DuckDB files, Parquet files and Dagster's own storage.
        llm: `provider:model` to ask, or None for the rule-based writer.
        llm_base_url: Address of that model's server; None for the provider's own.
        llm_warning: Why a model that was asked for cannot be used; None when nothing is wrong.
        min_events: Fewest events (outcome events not counted) that make a user's behaviour comparable.
        min_group: Smallest cluster that is described to a model, in users.
        window_days: Length of a snapshot's window, in days.
        keep_snapshots: Snapshots whose per-user tables are kept.
        keep_version_days: Days for which older published versions can be restored.
        engine: `duckdb`, or the address of a Spark cluster: `spark://...` (standalone) or `sc://...` (Spark Connect).
        roles_file: TOML file that says which actions are outcomes, proposals or features; defaults go by name.
        users_file: File with the app's users and hashed passwords; None allows loopback only.
        trust_proxy: Whether a proxy in front of the app authenticates.
        hosts: Names, beside those of loopback, under which people open the app.
        seed: Random seed of a segmentation.
        timestamp_format: strptime format for logs whose timestamps are not ISO 8601 or epochs; None for those.
        own_dagster_home: `DAGSTER_HOME`, when it is set.
        webhook: URL told of failed runs and checks; None tells nobody.
        log_format: How the processes' own lines look: `text` or `json`, one object a line.
    """

    warehouse: Path = Path("warehouse")
    llm: str | None = None
    llm_base_url: str | None = field(default=None, repr=False)
    llm_warning: str | None = None
    min_events: int = 5
    min_group: int = 10
    window_days: int = 180
    keep_snapshots: int = 30
    keep_version_days: int = 7
    engine: str = "duckdb"
    roles_file: Path | None = None
    users_file: Path | None = None
    trust_proxy: bool = False
    hosts: tuple[str, ...] = ()
    seed: int = 42
    timestamp_format: str | None = None
    own_dagster_home: Path | None = None
    webhook: str | None = field(default=None, repr=False)
    log_format: str = "text"

    @property
    def inbox(self) -> Path:
        """Folder in which a log is put to be taken in."""
        return self.warehouse / "inbox"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage: in the warehouse, unless `DAGSTER_HOME` says otherwise."""
        return self.own_dagster_home or self.warehouse / ".dagster"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `env` (default: the process's environment).

        Raises:
            SettingError: A value is not of its kind.
        """
        env = os.environ if env is None else env
        warehouse = Path(env.get("GRUPA_WAREHOUSE") or "warehouse").expanduser().absolute()
        llm, llm_warning = _llm(env)
        roles = _path(env, "GRUPA_ROLES_FILE")
        default_roles = warehouse / "roles.toml"
        users_file, trust_proxy = _who(env)
        return cls(
            warehouse=warehouse,
            llm=llm,
            llm_base_url=_base_url(env, llm),
            llm_warning=llm_warning,
            min_events=_whole(env, "GRUPA_MIN_EVENTS", cls.min_events),
            min_group=_whole(env, "GRUPA_MIN_GROUP", cls.min_group),
            window_days=_whole(env, "GRUPA_WINDOW_DAYS", cls.window_days),
            keep_snapshots=_whole(env, "GRUPA_KEEP_SNAPSHOTS", cls.keep_snapshots),
            keep_version_days=_whole(env, "GRUPA_KEEP_VERSION_DAYS", cls.keep_version_days),
            engine=_engine(env, cls.engine),
            roles_file=roles or (default_roles if os.path.exists(default_roles) else None),
            users_file=users_file,
            trust_proxy=trust_proxy,
            hosts=tuple((env.get("GRUPA_HOSTS") or "").lower().replace(",", " ").split()),
            seed=_whole(env, "GRUPA_SEED", cls.seed, least=0),
            timestamp_format=env.get("GRUPA_TIMESTAMP_FORMAT") or None,
            own_dagster_home=_path(env, "DAGSTER_HOME"),
            webhook=env.get("GRUPA_WEBHOOK") or None,
            log_format=read_log_format(env),
        )


def read_log_format(env: Mapping[str, str] | None = None) -> str:
    """How lines of a process look: `text` or `json`; apart from the other settings, whose errors are told in that form.

    Raises:
        SettingError: It is neither.
    """
    asked = ((os.environ if env is None else env).get("GRUPA_LOG_FORMAT") or "text").strip().lower()
    if asked not in LOG_FORMATS:
        raise SettingError(f"GRUPA_LOG_FORMAT is {asked!r}; give {' or '.join(LOG_FORMATS)}.")
    return asked


def usable_key(env: Mapping[str, str], provider: str) -> bool:
    """Whether `env` holds a real key for `provider`; empty or containing `placeholder` means none."""
    key = env.get(KEY_VARIABLES[provider], "").strip()
    return bool(key) and "placeholder" not in key.lower()


def require_folder(folder: Path) -> None:
    """See that files can be made in the warehouse's folder, or that the folder can be made. Leaves nothing behind.

    Raises:
        SettingError: Neither; the message says why.
    """
    nearest = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    try:
        with tempfile.TemporaryFile(
            dir=nearest
        ):  # permissions alone do not tell: root has them all, disks are read-only
            pass
    except OSError as error:
        reason = "no file can be made there" if error.errno == errno.ENOENT else error.strerror
        raise SettingError(
            f"The warehouse cannot be in {folder} ({nearest}: {reason}); name a folder that you may write to, "
            "with --warehouse or GRUPA_WAREHOUSE."
        ) from error


def _llm(env: Mapping[str, str]) -> tuple[str | None, str | None]:
    asked = (env.get("GRUPA_LLM") or "").strip()
    if asked.lower() == "none":
        return None, None
    if not asked:
        for provider, model in DEFAULT_MODELS.items():
            if usable_key(env, provider):
                return f"{provider}:{model}", None
        return None, None
    provider, _, model = asked.partition(":")
    if not model:
        return (
            None,
            f"GRUPA_LLM is {asked!r}, not provider:model (for example openai:gpt-5.4-mini); rules wrote the insights.",
        )
    if provider in KEY_VARIABLES and not usable_key(env, provider):
        return (
            None,
            f"GRUPA_LLM asks for {asked}, but {KEY_VARIABLES[provider]} holds no key; rules wrote the insights.",
        )
    return asked, None


def _who(env: Mapping[str, str]) -> tuple[Path | None, bool]:
    """The file of users, and whether a proxy is trusted: not both, or the proxy's header would get past the passwords."""
    users_file = _path(env, "GRUPA_USERS_FILE")
    trust_proxy = (env.get("GRUPA_TRUST_PROXY") or "0").lower() in ("1", "true", "yes")
    if users_file and trust_proxy:
        raise SettingError(
            "GRUPA_USERS_FILE and GRUPA_TRUST_PROXY both say who may use the app; give only one of them."
        )
    return users_file, trust_proxy


def _engine(env: Mapping[str, str], default: str) -> str:
    asked = (env.get("GRUPA_ENGINE") or default).strip()
    if "token=" in asked:  # it would be shown in Dagster's UI
        raise SettingError("GRUPA_ENGINE holds a token; put it into SPARK_CONNECT_AUTHENTICATE_TOKEN instead.")
    if asked != default and not re.fullmatch(_SPARK_ADDRESS, asked):
        raise SettingError(
            f"GRUPA_ENGINE is {asked!r}; give {default}, spark://host:port (a standalone cluster) or sc://host:port "
            "(Spark Connect)."
        )
    return asked


def _base_url(env: Mapping[str, str], llm: str | None) -> str | None:
    provider = (llm or "").partition(":")[0]
    return env.get(BASE_URL_VARIABLES.get(provider, ""), "").strip() or None


def _whole(env: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    text = (env.get(name) or "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < least:
        raise SettingError(f"{name} is {text!r}; give a whole number of at least {least}.")
    return int(text)


def _path(env: Mapping[str, str], name: str) -> Path | None:
    text = (env.get(name) or "").strip()
    return Path(text).expanduser().absolute() if text else None
