"""Every setting of Grupa, read once from the environment into one frozen object.

No other module reads `os.environ`. Secrets stay in the environment: the settings hold only whether a usable key is there.
"""

import errno
import os
import tempfile
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from grupa_pipeline import setting_values
from grupa_pipeline.vocabulary.enums import UserRole

DEFAULT_MODELS = {"openai": "gpt-5.4-mini", "anthropic": "claude-haiku-4-5"}
"""Model used when only a key is given; providers in the order in which their keys are looked for."""

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
BASE_URL_VARIABLES = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
_VARIABLES = {"own_dagster_home": "DAGSTER_HOME"}
"""The variables that are not called `GRUPA_` and the name of their field."""


class SettingError(ValueError):
    """A setting that cannot be used; the message names it and says what to do."""


class LogFormat(StrEnum):
    """Format of the processes' log lines."""

    JSON = "json"
    TEXT = "text"


_Path = Annotated[Path, BeforeValidator(setting_values.absolute_path)]
_Positive = Annotated[int, Field(ge=1)]
_OptionalPositive = Annotated[int | None, Field(ge=1)]


class Settings(BaseSettings):
    """Settings of one process. `Settings(...)` holds what is passed and defaults; `from_env` reads variables.

    Attributes:
        warehouse: Folder that holds the DuckDB files, Parquet files and Dagster's own storage.
        llm: `provider:model` that writes insights, or None for the rule-based writer.
        llm_base_url: Address of that model's server; None for the provider's own.
        llm_warning: Why the requested model cannot be used; None when it can.
        llm_timeout: Seconds that one question may take; this and the next five: None for the default of the model's kind.
        llm_deadline: Seconds that all questions of a run may take.
        llm_concurrency: Questions at a time.
        llm_calls: Questions per run.
        llm_output_tokens: Longest answer, in tokens.
        llm_context: Size of the model's context in tokens; evidence is cut to it, and Ollama is asked for it.
        min_events: Fewest events (outcome events not counted) that make a user's behaviour comparable.
        min_group: Smallest cluster that is described to a model, in users.
        window_days: Length of a snapshot's window, in days.
        keep_snapshots: Snapshots whose per-user tables are kept.
        keep_version_days: Days for which older published versions can be restored.
        keep_runs: Dagster runs, the newest, that are kept with their events.
        keep_run_days: Days after which a Dagster run and its events are deleted.
        keep_audit_days: Days for which the audit log is kept.
        require_approval: Whether a plan must be approved by another person before it is scheduled.
        engine: `duckdb`, or the address of a Spark cluster: `spark://...` (standalone) or `sc://...` (Spark Connect).
        first_day: Day of the first snapshot that Dagster offers; None: the day of the first accepted event.
        stale_days: Days without a new snapshot after which Dagster calls the tables overdue.
        owners: Who is responsible for the tables, as Dagster shows it: e-mail addresses or `team:NAME`.
        roles_file: TOML file with what people say of the log; None: `roles.toml` in the warehouse, where there is one.
        users_file: File with the app's users and hashed passwords; None allows loopback only.
        trust_proxy: Whether a proxy in front of the app authenticates.
        proxy_secret: What that proxy sends in `X-Grupa-Proxy-Secret`.
        proxy_addresses: Networks of the proxies in front: only they are believed.
        proxy_groups: Roles by the groups that the proxy sends in `X-Forwarded-Groups`; empty: whom it lets in is an admin.
        oidc_issuer: OpenID Connect provider through which people sign in, as its ID tokens name it; None for none.
        oidc_client_id: Under which Grupa is registered there.
        oidc_client_secret: Its secret; None for a public client.
        oidc_groups: Roles by the groups that the ID token names; `*` is everybody whom the provider signs in.
        hosts: Names, beside those of loopback, under which the app is opened.
        url_prefix: Path under which a proxy serves the app; begins and ends with a slash.
        seed: Random seed of a segmentation.
        timestamp_format: strptime format for logs whose timestamps are not ISO 8601 or epochs; None for those.
        uploads_per_hour: Uploads that one person may make within an hour.
        runs_per_hour: Runs that one person may launch in Dagster's UI within an hour.
        exports_per_hour: Exports and reports that one person may download within an hour.
        questions_per_hour: Questions that the agents of one person may ask the app within an hour.
        file_group: Group of this machine's accounts that may read a new warehouse's tables; None: its owner alone.
        log_folders: Folders, beside the inbox, from which runs that Dagster launches may read logs.
        own_dagster_home: `DAGSTER_HOME`, when it is set.
        webhook: URL that is notified of failed runs and checks.
        digest_urls: Addresses, as apprise takes them, to which digests are sent.
        token: By which `grupa mcp` proposes tests to the running app; None: it only reads.
        app_url: Where that app is.
        report_logo: Picture at the head of reports; None for none.
        report_color: Colour of a report's lines and bars, as `#RRGGBB`.
        log_format: Format of the processes' log lines.
        service_process: The `grupa serve` that this process belongs to and ends with, as a `ProcessIdentity`; set by it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="GRUPA_", hide_input_in_errors=True)

    warehouse: _Path = Path("warehouse")
    llm: str | None = None
    llm_base_url: str | None = Field(default=None, repr=False)
    llm_warning: str | None = None
    llm_timeout: _OptionalPositive = None
    llm_deadline: _OptionalPositive = None
    llm_concurrency: _OptionalPositive = None
    llm_calls: _OptionalPositive = None
    llm_output_tokens: _OptionalPositive = None
    llm_context: _OptionalPositive = None
    min_events: _Positive = 2
    min_group: _Positive = 10
    window_days: _Positive = 180
    keep_snapshots: _Positive = 30
    keep_version_days: _Positive = 7
    keep_runs: _Positive = 200
    keep_run_days: _Positive = 180
    keep_audit_days: _Positive = 400
    require_approval: bool = False
    engine: Annotated[str, BeforeValidator(setting_values.known_engine)] = setting_values.DUCKDB
    first_day: Annotated[date | None, BeforeValidator(setting_values.first_day)] = None
    stale_days: _Positive = 2
    owners: Annotated[tuple[str, ...], NoDecode, BeforeValidator(setting_values.owner_names)] = ("team:grupa",)
    roles_file: _Path | None = None
    users_file: _Path | None = None
    trust_proxy: bool = False
    proxy_secret: str | None = Field(default=None, repr=False)
    proxy_addresses: Annotated[
        tuple[setting_values.Network, ...], NoDecode, BeforeValidator(setting_values.networks)
    ] = ()
    proxy_groups: Annotated[dict[str, UserRole], NoDecode, BeforeValidator(setting_values.group_roles)] = Field(
        default_factory=dict
    )
    oidc_issuer: Annotated[str | None, BeforeValidator(setting_values.issuer)] = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(default=None, repr=False)
    oidc_groups: Annotated[dict[str, UserRole], NoDecode, BeforeValidator(setting_values.group_roles)] = Field(
        default_factory=dict
    )
    hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(setting_values.host_names)] = ()
    url_prefix: Annotated[str, BeforeValidator(setting_values.url_path)] = "/"
    seed: Annotated[int, Field(ge=0)] = 42
    timestamp_format: str | None = None
    uploads_per_hour: _Positive = 100
    runs_per_hour: _Positive = 60
    exports_per_hour: _Positive = 300
    questions_per_hour: _Positive = 1000
    file_group: str | None = None
    log_folders: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(setting_values.folders)] = ()
    own_dagster_home: _Path | None = Field(
        default=None, validation_alias=AliasChoices("own_dagster_home", "DAGSTER_HOME")
    )
    webhook: str | None = Field(default=None, repr=False)
    digest_urls: Annotated[tuple[str, ...], NoDecode, BeforeValidator(setting_values.addresses)] = Field(
        default=(), repr=False
    )
    token: str | None = Field(default=None, repr=False)
    app_url: str = "http://127.0.0.1:8050"
    report_logo: _Path | None = None
    report_color: Annotated[str, BeforeValidator(setting_values.hex_color)] = "#2F5FD0"
    log_format: Annotated[LogFormat, BeforeValidator(lambda value: value.strip().lower())] = LogFormat.TEXT
    service_process: str | None = None

    @model_validator(mode="after")
    def _require_one_sign_in(self) -> "Settings":
        ways = {
            "GRUPA_USERS_FILE": self.users_file,
            "GRUPA_TRUST_PROXY": self.trust_proxy,
            "GRUPA_OIDC_ISSUER": self.oidc_issuer,
        }
        given = [name for name, value in ways.items() if value]
        if len(given) > 1:  # one would get past the other
            raise ValueError(f"{' and '.join(given)} are {len(given)} ways to sign in; give only one of them.")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_groups):
            raise ValueError(
                "GRUPA_OIDC_ISSUER needs GRUPA_OIDC_CLIENT_ID, under which Grupa is registered there, and GRUPA_OIDC_GROUPS, the "
                "roles of its groups, as in growth=planner, data team=operator; *=viewer is everybody's."
            )
        if self.trust_proxy and not (self.proxy_secret or self.proxy_addresses):
            raise ValueError(
                "GRUPA_TRUST_PROXY=1 would believe a user name from whoever reaches the port. Set GRUPA_PROXY_SECRET to "
                "what the proxy sends in X-Grupa-Proxy-Secret, or GRUPA_PROXY_ADDRESSES to the proxy's address, or both."
            )
        if self.trust_proxy and not self.hosts:
            raise ValueError(
                "GRUPA_TRUST_PROXY=1 needs GRUPA_HOSTS: the name under which the app is opened, as in grupa.example.com."
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but the arguments: only `from_env` reads the environment."""
        return (init_settings,)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `env` (default: the process's environment); an empty variable counts as not given.

        Raises:
            SettingError: A value cannot be used.
        """
        env = os.environ if env is None else env
        source = EnvSettingsSource(cls)
        source.env_vars = {name.lower(): value for name, value in env.items() if value.strip()}
        values = {"warehouse": "warehouse"} | source()
        values["llm"], values["llm_warning"] = _llm(env)
        values["llm_base_url"] = _base_url(env, values["llm"])
        try:
            return cls(**values)
        except ValidationError as error:  # its own text would show the value, which may hold a secret
            raise SettingError(_sentence(error.errors()[0])) from None

    @property
    def people_sign_in(self) -> bool:
        """Whether Grupa itself asks people to sign in: with a password, or through a provider."""
        return self.users_file is not None or self.oidc_issuer is not None

    @property
    def inbox(self) -> Path:
        """Folder whose logs are ingested when they have stopped changing."""
        return self.warehouse / "inbox"

    @property
    def dagster_prefix(self) -> str:
        """Path under which a proxy serves Dagster's UI, without a slash at its end; empty where the app has no prefix."""
        return f"{self.url_prefix}dagster" if self.url_prefix != "/" else ""

    @property
    def default_roles_file(self) -> Path:
        """The roles file that counts where no other is named; the app creates it."""
        return self.warehouse / "roles.toml"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage: in the warehouse, unless `DAGSTER_HOME` is set."""
        return self.own_dagster_home or self.warehouse / ".dagster"


def variable_name(field: str) -> str:
    """The variable from which `Settings.from_env` reads a field: `window_days` is `GRUPA_WINDOW_DAYS`."""
    return _VARIABLES.get(field, f"GRUPA_{field.upper()}")


def _sentence(problem: ErrorDetails) -> str:
    """What is wrong with a variable, and what to give instead."""
    context = problem.get("ctx", {})
    if not problem["loc"]:
        return str(context["error"])
    field = str(problem["loc"][0])
    variable = variable_name(field)
    if problem["type"] == "value_error":
        return f"{variable} {context['error']}"
    if problem["type"] == "enum":
        advice = str(context["expected"]).replace("'", "")
    elif problem["type"].startswith("bool"):
        advice = "1 or 0"
    else:
        least = next(part.ge for part in Settings.model_fields[field].metadata if hasattr(part, "ge"))
        advice = f"a whole number of at least {least}"
    return f"{variable} is {problem['input']!r}; give {advice}."


def usable_key(env: Mapping[str, str], provider: str) -> bool:
    """Whether `env` holds a real key for `provider`; empty or containing `placeholder` means none."""
    key = env.get(KEY_VARIABLES[provider], "").strip()
    return bool(key) and "placeholder" not in key.lower()


def require_folder(folder: Path) -> None:
    """Check that files can be created in `folder`, or that `folder` can be created. Leaves nothing behind.

    Raises:
        SettingError: Neither is possible; the message says why.
    """
    nearest = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    try:
        # Permissions alone do not decide it: root has all of them, and a disk may be read-only.
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = "no file can be created there" if error.errno == errno.ENOENT else error.strerror
        raise SettingError(
            f"The warehouse cannot be in {folder} ({nearest}: {reason}); name a folder that you may write to, "
            "with --warehouse or GRUPA_WAREHOUSE."
        ) from error


def _llm(env: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The model that writes insights, if any, and why the requested one cannot be used."""
    model_name = (env.get("GRUPA_LLM") or "").strip()
    if model_name.lower() == "none":
        return None, None
    if not model_name:
        for provider, model in DEFAULT_MODELS.items():
            if usable_key(env, provider):
                return f"{provider}:{model}", None
        return None, None
    provider, _, model = model_name.partition(":")
    if not model:
        return (
            None,
            f"GRUPA_LLM is {model_name!r}, not provider:model (for example openai:gpt-5.4-mini); rules wrote the insights.",
        )
    if provider in KEY_VARIABLES and not usable_key(env, provider):
        return (
            None,
            f"GRUPA_LLM asks for {model_name}, but {KEY_VARIABLES[provider]} holds no key; rules wrote the insights.",
        )
    return model_name, None


def _base_url(env: Mapping[str, str], llm: str | None) -> str | None:
    provider = (llm or "").partition(":")[0]
    return env.get(BASE_URL_VARIABLES.get(provider, ""), "").strip() or None
