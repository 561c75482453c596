import bz2
import gzip
import io
import json
import re
import zipfile
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dash_app.roadmap.store import Roadmap
from grupa.cli import main
from grupa.cli.exit_status import ExitStatus
from grupa_pipeline.maintenance.erasure import UnknownPersonError, forget
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import staging, warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import USER_CLUSTERS
from grupa_pipeline.vocabulary.enums import FeedbackVerdict
from grupa_pipeline.vocabulary.insight_feedback import InsightFeedback
from grupa_pipeline.vocabulary.segment_rules import SegmentCondition, SegmentConditionKind, SegmentRule
from tests.grupa_pipeline.ingested_logs import NOW, held, log

HEADER = "user_id,timestamp,action,metadata"


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    publication = Publication(tmp_path / "warehouse")
    path = log(
        tmp_path / "log.csv",
        'ann-7,2025-06-01T10:00:00,login,"{""to"": ""bob-9""}"',
        'bob-9,2025-06-02T10:00:00,login,"{""to"": ""ann-7"", ""cc"": [""ann-7"", ""ann-77""]}"',
        "ann-7,2025-06-03T10:00:00,login,",
        "ann-7,no time,login,",
        "bob-9,no time,login,",
        header=HEADER,
    )
    ingest_logs(publication, [path], None, NOW)
    return publication


def one(publication: Publication, sql: str) -> dict:
    [row] = publication.query(sql).to_pylist()
    return row


def bytes_with(folder: Path, text: str) -> list[str]:
    """Files below `folder` whose bytes, or whose Parquet rows, hold `text`."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += str(pq.read_table(path).to_pydict()).encode()
            found += [str(path)] if re.search(rb"(^|\W)" + text.encode() + rb"(\W|$)", content) else []
    return found


@pytest.mark.slow
def test_events_metadata_and_rejected_rows_hold_them_no_longer(publication: Publication) -> None:
    forget(Settings(warehouse=publication.folder), "ann-7")
    assert held(publication) == {("bob-9", "login")}
    metadata = json.loads(one(publication, "SELECT metadata::VARCHAR AS m FROM events")["m"])
    assert metadata == {"to": "[erased]", "cc": ["[erased]", "ann-77"]}
    assert one(publication, "SELECT raw FROM rejected_rows")["raw"].startswith("bob-9")


@pytest.mark.slow
def test_counts_are_as_if_their_rows_had_not_been(publication: Publication) -> None:
    forget(Settings(warehouse=publication.folder), "ann-7")
    file = one(publication, "SELECT * FROM ingested_files")
    counts = {name: file[f"rows_{name}"] for name in ("read", "accepted", "rejected", "duplicate")}
    assert counts == {"read": 2, "accepted": 1, "rejected": 1, "duplicate": 0}
    assert file["first_event_at"] == file["last_event_at"]


@pytest.mark.slow
def test_no_file_holds_them_afterwards_older_versions_included(publication: Publication) -> None:
    extra = log(publication.folder.with_name("more.csv"), "eve-1,2025-06-01T12:00:00,login")
    ingest_logs(publication, [extra], None, NOW)
    assert bytes_with(publication.folder, "ann-7")
    report = forget(Settings(warehouse=publication.folder), "ann-7")
    assert not bytes_with(publication.folder, "ann-7")
    assert len(warehouse.versions(publication.database)) == 1
    assert "older versions" in report
    with duckdb.connect(str(publication.database.resolve()), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM events").fetchone() == (2,)
        assert con.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'events'").fetchone() != (None,)


@pytest.mark.slow
def test_an_unknown_person_is_an_error_and_nothing_changes(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    before = publication.database.resolve()
    with pytest.raises(UnknownPersonError, match="zoe"):
        forget(Settings(warehouse=publication.folder), "zoe")
    assert main.main(["forget", "zoe", "--warehouse", str(publication.folder)]) == ExitStatus.UNUSABLE
    assert "zoe" in capsys.readouterr().err
    assert publication.database.resolve() == before


@pytest.mark.slow
def test_original_logs_that_hold_the_person_are_named_and_not_changed(publication: Publication) -> None:
    done = publication.folder / "inbox" / "done"
    done.mkdir(parents=True)
    with gzip.open(done / "log.csv.gz", "wt") as file:
        file.write(f"{HEADER}\nann-7,2025-06-01T10:00:00,login,\n")
    log(done / "other.csv", "ann-77,2025-06-01T10:00:00,login,", header=HEADER)
    report = forget(Settings(warehouse=publication.folder), "ann-7")
    assert "inbox/done/log.csv.gz" in report and "other.csv" not in report


@pytest.mark.slow
def test_originals_are_found_whatever_their_names_say(publication: Publication) -> None:
    text = f"{HEADER}\nbob,2025-06-01T10:00:00,login,\nann-7,2025-06-01T10:00:00,login,\n"
    record = b'{"distinct_id": "ann-7", "event": "login"}\n'
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("folder/log.txt", gzip.compress(text.encode("utf-16")))
    columns = io.BytesIO()
    pq.write_table(pa.table({"who": ["bob", "ann-7"], "what": ["a", "b"]}), columns)
    zstd = pa.Codec("zstd").compress(text.encode(), asbytes=True)
    contents = {
        "done/gzip.csv": gzip.compress(text.encode()),
        "done/utf-16.csv": text.encode("utf-16"),
        "done/json.jsonl": record,
        "done/zstd.csv": zstd,
        "refused/zip.csv": inner.getvalue(),
        "refused/columns.csv": columns.getvalue(),
        "refused/cut.csv.gz": gzip.compress(text.encode() * 1000)[:-20],
        "../uploads/0/bzip2.log": bz2.compress(text.encode()),
    }
    for name, content in contents.items():
        path = publication.folder / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, other in (("a.csv", gzip.compress(b"ann-77,x,y")), ("b.csv", b'{"id": "ann-77"}')):
        (publication.folder / "inbox" / f"others-{name}").write_bytes(other)
    report = forget(Settings(warehouse=publication.folder), "ann-7")
    assert [name for name in contents if f"{Path(name).name}" not in report] == []
    assert "others-" not in report


@pytest.mark.slow
def test_staged_snapshots_are_dropped(publication: Publication) -> None:
    rows = pq.read_table(publication.event_files()[0])["user_id"].to_pylist()
    day = NOW.date()
    made = {name: [None] * len(rows) for name in USER_CLUSTERS.column_names} | {"user_id": rows, "snapshot_date": [day]}
    staging.stage(publication.folder, USER_CLUSTERS, day, staging.pa.table(made), {})
    assert str(day) in forget(Settings(warehouse=publication.folder), "ann-7")
    assert not staging.staged(publication.folder, day)


def test_a_snapshot_counts_without_them_and_stays_whole(sample_copy: Path) -> None:
    publication = Publication(sample_copy)
    user = one(publication, "SELECT min(user_id) AS u FROM user_clusters WHERE cluster_id = 'C01'")["u"]
    before = one(publication, "SELECT * FROM segmentations")
    events = one(publication, f"SELECT count(*) AS n FROM events WHERE user_id = '{user}'")["n"]
    sizes = publication.query("SELECT cluster_id, size FROM clusters ORDER BY 1").to_pylist()
    forget(Settings(warehouse=sample_copy), user)
    after = one(publication, "SELECT * FROM segmentations")
    assert (after["users"], after["events"]) == (before["users"] - 1, before["events"] - events)
    now = publication.query("SELECT cluster_id, size FROM clusters ORDER BY 1").to_pylist()
    assert [(row["cluster_id"], row["size"]) for row in now] == [
        (row["cluster_id"], row["size"] - (row["cluster_id"] == "C01")) for row in sizes
    ]
    counts = "SELECT action, {} AS users, {} AS events FROM {} ORDER BY 1"
    assert (
        publication.query(counts.format("users", "events", "event_catalog")).to_pylist()
        == publication.query(
            counts.format("count(DISTINCT user_id)", "count(*)", "events").replace("ORDER", "GROUP BY ALL ORDER")
        ).to_pylist()
    )
    for table in ("events", "user_features", "user_embeddings", "user_clusters"):
        assert one(publication, f"SELECT count(*) AS n FROM {table} WHERE user_id = '{user}'")["n"] == 0
    shares = one(publication, "SELECT sum(share) AS s FROM clusters")["s"] + after["unassigned_share"]
    assert shares == pytest.approx(1)
    assert not staging.disagreements(publication.states(after["snapshot_date"]))


@pytest.mark.slow
def test_an_action_that_only_they_did_leaves_the_catalogue(tmp_path: Path) -> None:
    """Its name may be theirs; of what others did too, the id goes from the texts."""
    publication = Publication(tmp_path / "warehouse")
    path = log(
        tmp_path / "log.csv",
        "ann-7,2025-06-01T10:00:00,/profile/ann-7,",
        "ann-7,2025-06-02T10:00:00,login,",
        "ann-7,2025-06-02T11:00:00,login,",
        "bob-9,2025-06-03T10:00:00,login,",
        header=HEADER,
    )
    ingest_logs(publication, [path], None, NOW)
    with warehouse.publish(publication.database) as con:
        con.execute("""INSERT INTO segmentations BY NAME SELECT DATE '2025-06-03' AS snapshot_date, 'too_few_users' AS status,
            TIMESTAMP '2025-05-01' AS window_start, TIMESTAMP '2025-06-04' AS window_end, TIMESTAMP '2100-01-01' AS created_at,
            2 AS users, 4 AS events""")
        con.execute("""INSERT INTO event_catalog BY NAME SELECT unnest(['/profile/ann-7', 'login']) AS action,
            unnest(['profile of ann-7', 'asked by ann-7']) AS label, unnest([1, 2]) AS users, unnest([1, 3]) AS events""")
    report = forget(Settings(warehouse=publication.folder), "ann-7")
    assert "1 actions that nobody else did" in report
    assert publication.query("SELECT action, label, users, events FROM event_catalog").to_pylist() == [
        {"action": "login", "label": "asked by [erased]", "users": 1, "events": 1}
    ]
    assert not bytes_with(publication.folder, "ann-7")


@pytest.mark.slow
def test_an_interrupted_erasure_is_finished_by_running_it_again(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Path) -> list[str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "keep_only_published", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(Settings(warehouse=publication.folder), "bob-9")
    assert len(warehouse.versions(publication.database)) == 2
    forget(Settings(warehouse=publication.folder), "bob-9")
    assert len(warehouse.versions(publication.database)) == 1
    assert not bytes_with(publication.folder, "bob-9")


@pytest.mark.slow
def test_ambiguous_mentions_in_events_of_others_are_reported(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "warehouse")
    path = log(
        tmp_path / "log.csv",
        "42,2025-06-01T10:00:00,login,",
        'bob,2025-06-02T10:00:00,wrote to 42,"{""to"": 42}"',
        'bob,2025-06-03T10:00:00,login,"{""steps"": [42, 420]}"',
        "eve-1,2025-06-03T10:00:00,login,",
        header=HEADER,
    )
    ingest_logs(publication, [path], None, NOW)
    settings = Settings(warehouse=publication.folder)
    report = forget(settings, "42")
    assert "What may remain: '42' stands in the actions of 1 events and in the metadata of 2 events of others" in report
    assert "may remain" not in forget(settings, "eve-1")


@pytest.mark.slow
def test_aggregates_cached_meanwhile_are_deleted_too(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = publication.folder / "sums"
    sums.mkdir()

    def kept(database: Path) -> list[str]:
        (sums / "late.parquet").write_bytes(b"x")
        return []

    monkeypatch.setattr(warehouse, "keep_only_published", kept)
    forget(Settings(warehouse=publication.folder), "ann-7")
    assert not list(sums.iterdir())


@pytest.mark.slow
def test_saved_segments_list_them_no_longer(publication: Publication) -> None:
    roadmap = Roadmap(publication.folder)
    roadmap.ensure()
    by_field = SegmentCondition(SegmentConditionKind.METADATA, ("to",), "ann-7")
    roadmap.save_segment("Listed", SegmentRule(users=("ann-7", "ann-77", "bob-9")), "ann-7")
    roadmap.save_segment("About ann-7", SegmentRule((by_field,)), "bob")
    assert "saved_segments" in forget(Settings(warehouse=publication.folder), "ann-7")
    listed, about = roadmap.segments()
    assert (listed.rule.users, listed.saved_by) == (("ann-77", "bob-9"), "[erased]")
    assert (about.name, about.rule.conditions[0].value) == ("About [erased]", "[erased]")
    assert not any(bytes_with(publication.folder, "ann-7"))


@pytest.mark.slow
def test_feedback_names_them_no_longer(publication: Publication) -> None:
    roadmap = Roadmap(publication.folder)
    roadmap.ensure()
    said = InsightFeedback("P-1", date(2026, 3, 2), "C01", "Of ann-7", FeedbackVerdict.DISMISSED, "ann-7 says so")
    roadmap.give_feedback(said, "ann-7")
    assert "insight_feedback" in forget(Settings(warehouse=publication.folder), "ann-7")
    [kept] = roadmap.feedback().values()
    assert (kept.title, kept.text, kept.said_by) == ("Of [erased]", "[erased] says so", "[erased]")
    assert not any(bytes_with(publication.folder, "ann-7"))
