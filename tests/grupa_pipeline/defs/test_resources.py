"""The resource of a run holds every setting that a run depends on."""

from pathlib import Path

from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.settings import Settings

NOT_OF_RUNS = {
    "app_url", "digest_urls", "exports_per_hour", "file_group", "first_day", "hosts", "keep_audit_days", "llm_base_url",
    "log_folders", "log_format", "oidc_client_id", "oidc_client_secret", "oidc_groups", "oidc_issuer", "own_dagster_home",
    "owners", "proxy_addresses", "proxy_groups", "proxy_secret", "questions_per_hour", "report_color", "report_logo",
    "require_approval", "runs_per_hour", "service_process", "stale_days", "token", "trust_proxy", "uploads_per_hour", "url_prefix",
    "users_file", "webhook",
}  # fmt: skip
"""Settings of the app, of sign-in, of Dagster's definitions; the model's address is a resource of its own, as it may hold a key."""


def test_a_run_has_every_setting_that_is_not_declared_to_be_none_of_its_own() -> None:
    named_otherwise = {"warehouse"}  # its folder
    of_runs = set(WarehouseResource.model_fields) | named_otherwise
    assert set(Settings.model_fields) - of_runs == NOT_OF_RUNS


def test_a_runs_context_has_the_settings_that_were_given(tmp_path: Path) -> None:
    given = Settings(
        warehouse=tmp_path,
        llm="openai:m",
        llm_timeout=3,
        llm_deadline=7,
        llm_concurrency=2,
        llm_calls=5,
        llm_output_tokens=900,
        llm_context=8000,
        min_events=3,
        window_days=30,
        roles_file=tmp_path / "roles.toml",
    )
    assert WarehouseResource.of(given).context.settings == given
