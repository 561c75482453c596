import json
import shutil
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

from dash_app.planning.positions import new_plan_id
from dash_app.roadmap.store import Roadmap
from grupa.cli import main
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.defs.weekly_digest import digest_schedules
from grupa_pipeline.digest.delivery import DigestNotSentError, last_sent, send_digest, write_digest
from grupa_pipeline.digest.digest_contents import read_digest
from grupa_pipeline.digest.digest_text import digest_lines, named
from grupa_pipeline.journeys.intervals import share_interval
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.vocabulary.enums import PlanStatus
from tests.dash_app.planning.plans import a_plan
from tests.dash_app.synthetic import DAYS, write_warehouse

TODAY = date(2026, 3, 10)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("digest")
    write_warehouse(made)
    Roadmap(made).ensure()
    return made


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "warehouse", symlinks=True))


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict]]]:
    """A webhook on loopback: its address, and what it was sent."""
    taken: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/grupa", taken
    server.shutdown()
    server.server_close()


def change(folder: Path, sql: str) -> None:
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute(sql)


def test_births_splits_and_names_of_people_are_told(folder: Path) -> None:
    Roadmap(folder).rename_cluster("C03", "Lookers", "ann")
    digest = read_digest(folder, DAYS[0], TODAY, 10)
    assert [(each.kind, each.source, each.target, each.users) for each in digest.turns] == [
        ("birth", None, "Lookers", 50),
        ("split", "Careful drafters", "Lookers", 10),
    ]
    lines = digest_lines(digest)
    assert lines[0] == "Since 8 March 2026: 3 clusters of 330 users on 9 March 2026 (330 users then)."
    assert "New on 9 March 2026: Lookers (50 users)." in lines


def test_movements_are_those_of_the_tables(folder: Path) -> None:
    change(
        folder,
        f"UPDATE user_clusters SET cluster_id = 'C02' WHERE snapshot_date = '{DAYS[1]}' AND user_id < 'user-00012'",
    )
    digest = read_digest(folder, DAYS[0], TODAY, 10)
    assert [(each.source, each.target, each.users) for each in digest.movements] == [
        ("Deal closers", "Careful drafters", 12)
    ]
    assert read_digest(folder, DAYS[0], TODAY, 13).movements == ()


def test_a_goal_rate_outside_its_interval_is_told(folder: Path) -> None:
    assert read_digest(folder, DAYS[0], TODAY, 10).shifts == ()
    change(
        folder,
        f"UPDATE user_features SET had_deal_complete = 0 WHERE snapshot_date = '{DAYS[1]}' AND user_id < 'user-00060'",
    )
    [shift] = read_digest(folder, DAYS[0], TODAY, 10).shifts
    with duckdb.connect(str((folder / "grupa.duckdb").resolve()), read_only=True) as con:
        rates = con.execute(
            "SELECT avg(had_deal_complete), count(*) FROM user_features JOIN user_clusters USING (snapshot_date, user_id)"
            " WHERE cluster_id = 'C01' GROUP BY snapshot_date ORDER BY snapshot_date"
        ).fetchall()
    (before, users), (now, _) = rates
    assert (shift.name, shift.before, shift.now, shift.users) == ("Deal closers", before, now, users)
    assert (shift.low, shift.high) == share_interval(round(before * users), users)
    assert f"Deal closers: {now:.0%} reach " in "\n".join(digest_lines(read_digest(folder, DAYS[0], TODAY, 10)))


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [(3, 30, "begins"), (-20, 5, "ends"), (-40, -2, "ended and waits"), (20, 40, None), (-3, 30, None)],
)
def test_plans_are_due_before_they_begin_and_end(folder: Path, start: int, end: int, told: str | None) -> None:
    days = {"start_date": TODAY + timedelta(days=start), "end_date": TODAY + timedelta(days=end)}
    Roadmap(folder).add(a_plan(plan_id=new_plan_id(), name="Autosave", status=PlanStatus.SCHEDULED, **days), "ann")
    found = [
        line for line in digest_lines(read_digest(folder, DAYS[1], TODAY, 10)) if line.startswith("Test due: Autosave")
    ]
    assert len(found) == (told is not None) and (told is None or told in found[0])


def test_a_quiet_week_is_one_line(folder: Path) -> None:
    [line] = digest_lines(read_digest(folder, DAYS[1], TODAY, 10))
    assert line == "A quiet week since 9 March 2026: no new snapshot, 3 clusters, 330 users, no test due."


def test_the_first_digest_says_so(folder: Path) -> None:
    assert digest_lines(read_digest(folder, date(2020, 1, 1), TODAY, 10))[0].startswith("First digest: 3 clusters")


@pytest.mark.parametrize(
    "name", ["<!channel> <https://x.example|go>", "@here", "a\nb\x07", "[x](https://x.example)", "*b* `c`"]
)
def test_names_call_nobody_and_link_nowhere(name: str) -> None:
    plain = named(name)
    assert not any(sign in plain for sign in ("<", ">", "\n", "\x07", "://", "](", "`", "*"))
    assert "@h" not in plain and len(named("x" * 200)) == 80


def test_it_is_sent_and_the_next_one_begins_there(folder: Path, hook: tuple[str, list[dict]]) -> None:
    address, taken = hook
    settings = Settings(warehouse=folder, digest_urls=(address,))
    digest = write_digest(settings, today=TODAY)
    assert digest.text.startswith("First digest") and send_digest(settings, digest) == 1
    assert taken[0]["title"] == "Grupa, 9 March 2026" and taken[0]["message"] == digest.text
    assert last_sent(folder) == DAYS[1]
    assert write_digest(settings, today=TODAY).text.startswith("A quiet week since 9 March 2026")


def test_an_address_that_fails_is_named_by_its_place(
    folder: Path, hook: tuple[str, list[dict]], caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(warehouse=folder, digest_urls=(hook[0], "json://me:hush@127.0.0.1:9/secret"))
    with pytest.raises(DigestNotSentError, match="number 2 did not") as error:
        send_digest(settings, write_digest(settings, today=TODAY))
    assert "hush" not in str(error.value) + caplog.text and "secret" not in str(error.value) + caplog.text
    assert last_sent(folder) is None


def test_what_is_no_address_is_refused_without_being_named(folder: Path) -> None:
    settings = Settings(warehouse=folder, digest_urls=("hush-hush",))
    with pytest.raises(SettingError, match="number 1") as error:
        send_digest(settings, write_digest(settings, today=TODAY))
    assert "hush" not in str(error.value) and "hush" not in repr(settings)


def test_dagster_has_the_schedule_only_where_there_are_addresses(folder: Path, hook: tuple[str, list[dict]]) -> None:
    assert digest_schedules(Settings(warehouse=folder)) == []
    [schedule] = digest_schedules(Settings(warehouse=folder, digest_urls=(hook[0],)))
    assert schedule.job.execute_in_process().success and len(hook[1]) == 1
    assert last_sent(folder) == DAYS[1]


def test_the_command_prints_it_and_sends_nothing_unasked(
    folder: Path, hook: tuple[str, list[dict]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["digest", "--since", "2026-03-08", "--warehouse", str(folder)]
    assert main.main(words) == ExitStatus.DONE
    assert "Split on 9 March 2026" in capsys.readouterr().out and hook[1] == []
    assert main.main([*words, "--send"]) == ExitStatus.UNUSABLE
    assert "names no address" in capsys.readouterr().err
    monkeypatch.setenv("GRUPA_DIGEST_URLS", hook[0])
    assert main.main([*words, "--send"]) == ExitStatus.DONE
    assert "Sent to 1 address." in capsys.readouterr().out and len(hook[1]) == 1
    assert main.main(["digest", "--since", "soon", "--warehouse", str(folder)]) == ExitStatus.UNUSABLE
