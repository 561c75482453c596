import pytest

from grupa_pipeline.settings import DEFAULT_MODELS, SettingError, Settings


@pytest.mark.parametrize(
    ("env", "model", "warned"),
    [
        ({}, None, False),
        ({"OPENAI_API_KEY": "sk-placeholder"}, None, False),
        ({"OPENAI_API_KEY": "  "}, None, False),
        ({"OPENAI_API_KEY": "sk-real", "ANTHROPIC_API_KEY": "x"}, f"openai:{DEFAULT_MODELS['openai']}", False),
        (
            {"OPENAI_API_KEY": "sk-placeholder", "ANTHROPIC_API_KEY": "x"},
            f"anthropic:{DEFAULT_MODELS['anthropic']}",
            False,
        ),
        ({"GRUPA_LLM": "none", "OPENAI_API_KEY": "sk-real"}, None, False),
        ({"GRUPA_LLM": "anthropic:some-model", "OPENAI_API_KEY": "sk-real"}, None, True),
        ({"GRUPA_LLM": "openai:some-model", "OPENAI_API_KEY": "sk-real"}, "openai:some-model", False),
        ({"GRUPA_LLM": "ollama:llama3"}, "ollama:llama3", False),
        ({"GRUPA_LLM": "gpt", "OPENAI_API_KEY": "sk-real"}, None, True),
    ],
)
def test_which_model_writes_the_insights(env: dict[str, str], model: str | None, warned: bool) -> None:
    settings = Settings.from_env(env)
    assert settings.llm == model
    assert bool(settings.llm_warning) is warned


def test_an_unusable_value_is_named_with_its_variable() -> None:
    with pytest.raises(SettingError, match="GRUPA_MIN_EVENTS is 'many'; give a whole number"):
        Settings.from_env({"GRUPA_MIN_EVENTS": "many"})


@pytest.mark.parametrize(
    "name", ["GRUPA_TRUST_PROXY", "GRUPA_SEED", "GRUPA_LOG_FORMAT", "GRUPA_KEEP_SNAPSHOTS", "GRUPA_LLM_CONTEXT"]
)
def test_every_kind_of_value_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} is '-1.x'; give [\w ]+\.$"):
        Settings.from_env({name: "-1.x"})


def test_settings_that_are_passed_read_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRUPA_WINDOW_DAYS", "7")
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    assert Settings(min_events=3) == Settings().model_copy(update={"min_events": 3})
    assert (Settings().window_days, Settings().own_dagster_home) == (180, None)
    assert (Settings.from_env().window_days, str(Settings.from_env().own_dagster_home)) == (7, "/elsewhere")


def test_no_key_is_kept() -> None:
    assert "sk-secret" not in repr(Settings.from_env({"OPENAI_API_KEY": "sk-secret"}))


def test_an_empty_variable_counts_as_not_given() -> None:
    assert Settings.from_env({"GRUPA_WINDOW_DAYS": "", "GRUPA_WAREHOUSE": ""}) == Settings.from_env({})


@pytest.mark.parametrize(
    "address",
    [
        "duckdb",
        "spark://head:7077",
        "spark://a:7077,b:7077",
        "sc://host",
        "sc://host:15002",
        "sc://host:443/;use_ssl=true",
    ],
)
def test_an_engine_is_kept_as_written(address: str) -> None:
    assert Settings.from_env({"GRUPA_ENGINE": address}).engine == address


@pytest.mark.parametrize(
    "address",
    ["spark", "spark://", "spark://head", "spark://head:port", "local[2]", "sc:host", "sc://a:b", "http://a:1"],
)
def test_an_unknown_engine_is_refused(address: str) -> None:
    with pytest.raises(SettingError, match=r"GRUPA_ENGINE is .*give duckdb, spark://host:port"):
        Settings.from_env({"GRUPA_ENGINE": address})


def test_a_token_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingError, match="SPARK_CONNECT_AUTHENTICATE_TOKEN") as caught:
        Settings.from_env({"GRUPA_ENGINE": "sc://host:443/;token=s3cret"})
    assert "s3cret" not in str(caught.value)


def test_roles_of_groups_are_read() -> None:
    settings = Settings.from_env({"GRUPA_PROXY_GROUPS": "growth=planner, data team = operator,"})
    assert settings.proxy_groups == {"growth": "planner", "data team": "operator"}
    with pytest.raises(SettingError, match="GRUPA_PROXY_GROUPS holds 'growth=king'; give group=role"):
        Settings.from_env({"GRUPA_PROXY_GROUPS": "growth=king"})
