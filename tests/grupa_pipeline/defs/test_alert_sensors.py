import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from grupa_pipeline.defs import alert_sensors
from grupa_pipeline.settings import SettingError, Settings


class Hook(HTTPServer):
    """A webhook that collects messages and responds with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict] = []
        self.status = 200
        self.address = f"http://127.0.0.1:{self.server_port}/a-secret"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@dg.asset
def rows() -> int:
    return 1


@dg.asset
def broken() -> None:
    raise dg.Failure("the disk is full")


@dg.asset
def surprised() -> None:
    raise OSError(28, "No space left on device")


@dg.asset_check(asset=rows)
def enough() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="one row is not enough")


@dg.asset_check(asset=rows)
def there() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def tick(hook: Hook, instance: dg.DagsterInstance, asset: dg.AssetsDefinition, checks: list) -> None:
    """Materialise `asset`, and have both sensors look at the run, as the daemon does."""
    result = dg.materialize([asset, *checks], instance=instance, raise_on_error=False)
    report_runs, report_checks, _ = alert_sensors.webhook_sensors(Settings(webhook=hook.address))
    event = result.get_run_failure_event() if not result.success else result.get_run_success_event()
    context = dg.build_run_status_sensor_context(
        sensor_name="s", dagster_instance=instance, dagster_run=result.dagster_run, dagster_event=event
    )
    if result.success:
        report_checks(context)
    else:
        report_runs(context.for_run_failure())


def test_a_failed_check_of_a_run_that_succeeded_is_reported(hook: Hook) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tick(hook, instance, rows, [enough, there])
    [message] = hook.messages
    assert message["checks"] == [
        {"asset": "rows", "check": "enough", "severity": "WARN", "found": "one row is not enough"}
    ]
    assert message["failed"] is False and "one row is not enough" in message["text"]


def test_a_run_whose_checks_all_pass_is_not_reported(hook: Hook) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tick(hook, instance, rows, [there])
    assert hook.messages == []


@pytest.mark.parametrize(("asset", "reason"), [(broken, "the disk is full"), (surprised, "No space left on device")])
def test_a_failed_run_is_reported_with_its_reason(hook: Hook, asset: dg.AssetsDefinition, reason: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tick(hook, instance, asset, [])
    [message] = hook.messages
    assert message["failed"] is True and reason in message["reason"]
    assert "Traceback" not in message["text"] and hook.address not in json.dumps(message)


def test_the_error_of_an_unreachable_webhook_does_not_hold_its_address(hook: Hook) -> None:
    hook.status = 500
    with pytest.raises(alert_sensors.WebhookError, match="status 500") as caught:
        alert_sensors.post(hook.address, {})
    assert "a-secret" not in str(caught.value)
    with pytest.raises(alert_sensors.WebhookError, match="could not be reached"):
        alert_sensors.post("http://127.0.0.1:1/a-secret", {})


def test_without_a_webhook_there_is_no_sensor_and_a_wrong_one_is_refused() -> None:
    assert alert_sensors.webhook_sensors(Settings()) == []
    with pytest.raises(SettingError, match="GRUPA_WEBHOOK"):
        alert_sensors.webhook_sensors(Settings(webhook="file:///etc/passwd"))


def change_freshness(instance: dg.DagsterInstance, table: str, state: FreshnessState) -> None:
    """Store a state as Dagster's daemon does when it finds that it has changed."""
    change = FreshnessStateChange(
        key=dg.AssetKey(table), new_state=state, previous_state=FreshnessState.PASS, state_change_timestamp=0.0
    )
    instance._report_runless_asset_event(change)


def test_tables_that_nothing_makes_any_more_are_reported_once(hook: Hook) -> None:
    *_, report = alert_sensors.webhook_sensors(Settings(webhook=hook.address, stale_days=3))

    def look(cursor: str | None) -> str | None:
        result = report(dg.build_sensor_context(instance=instance, cursor=cursor))
        assert isinstance(result, dg.SensorResult)
        return result.cursor

    with dg.DagsterInstance.ephemeral() as instance:
        change_freshness(instance, "events", FreshnessState.PASS)
        cursor = look(None)
        assert hook.messages == []
        change_freshness(instance, "events", FreshnessState.FAIL)
        cursor = look(look(cursor))
        [message] = hook.messages
        assert message["overdue"] == ["events"] and "3 days" in message["text"]
        change_freshness(instance, "events", FreshnessState.PASS)
        cursor = look(cursor)
        change_freshness(instance, "events", FreshnessState.FAIL)
        look(cursor)
    assert len(hook.messages) == 2
