"""A run on a real Spark cluster makes what a run on DuckDB makes, and says in a sentence when there is none."""

import importlib.util
import socket
from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from grupa.cli import main
from grupa.cli.exit_status import ExitStatus
from grupa.cli.run import run
from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import build_features
from grupa_pipeline.segmentation.assignment import GroupModel, assign_users
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.segmentation.segment import segment
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots import spark_session
from grupa_pipeline.snapshots.build import window_features
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.snapshots.engines import assigner
from grupa_pipeline.snapshots.log_replicates import LogReplicates
from grupa_pipeline.snapshots.spark_session import (
    SparkFailedError,
    SparkUnavailableError,
    assign_on_spark,
    check_available,
)
from sample_data.generate import END, write_log


@pytest.fixture
def silent_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_run_computes_on_spark_what_duckdb_computes(spark_address: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", users=45)
    env = {"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(tmp_path / "warehouse"), "GRUPA_ENGINE": spark_address}
    made = run(Settings.from_env(env), [tmp_path / "log.csv"])
    assert made.status == "too_few_users"  # what is clustered is the next test's
    here = SnapshotContext(Settings.from_env(env | {"GRUPA_ENGINE": "duckdb"}))
    catalog = EventCatalog.of(here.publication.query("SELECT * FROM event_catalog").to_pylist(), Roles())
    expected = window_features(here, made.snapshot_date, catalog)
    found = here.publication.query("SELECT * EXCLUDE (snapshot_date) FROM user_features ORDER BY user_id").to_pandas()
    assert len(found) > 30
    pd.testing.assert_frame_equal(found, expected.features.to_pandas(), rtol=1e-9, atol=1e-9, check_like=True)
    counted = here.publication.query("SELECT user_id FROM user_clusters ORDER BY user_id")["user_id"]
    assert counted.to_pylist() == expected.users["user_id"].to_pylist()
    assert made.events == expected.events


def test_users_get_the_same_labels_end_to_end(spark_address: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", users=400)
    end = datetime.combine(END, time()) + timedelta(days=1)
    with duckdb.connect() as con:
        con.execute(
            f"""CREATE VIEW events AS SELECT user_id, timestamp::TIMESTAMP AS timestamp, action, metadata::JSON AS metadata,
                NULL::BIGINT AS sequence
            FROM read_csv('{tmp_path / "log.csv"}', all_varchar = true)"""
        )
        built = build_features(
            con, "events", window_start=end - timedelta(days=180), window_end=end, roles=Roles(), min_events=5
        )
    names = [row["feature"] for row in built.catalog.to_pylist() if row["role"] == "clustering"]
    clustering = built.features.to_pandas().set_index("user_id")[names]
    here, there = (SnapshotContext(Settings(warehouse=tmp_path, engine=name)) for name in ("duckdb", spark_address))
    config = SegmentationConfig(landmarks=250, subsamples=2, workers=1)
    asked = {"seed": 1, "snapshot_date": END, "config": config}
    expected, found = (segment(clustering, assign=assigner(side), **asked).users for side in (here, there))
    spark_session.stop()
    assert expected["cluster_id"].nunique() > 1
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-9)


def test_halves_and_views_are_measured_alike(spark_address: str, tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", users=40)
    settings = {"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(tmp_path / "warehouse")}
    made = run(Settings.from_env(settings), [tmp_path / "log.csv"])
    measured = {}
    for engine in ("duckdb", spark_address):
        context = SnapshotContext(Settings.from_env(settings | {"GRUPA_ENGINE": engine}))
        catalog = context.publication.query("SELECT * FROM feature_catalog")
        roles = EventCatalog.of(context.publication.query("SELECT * FROM event_catalog").to_pylist(), Roles())
        replicates = LogReplicates(context, made.snapshot_date, roles, catalog)
        users = [f"user_{number:07d}" for number in range(30)]
        measured[engine] = (replicates.halves(users), replicates.views(users))
    spark_session.stop()
    (halves, views), (halves_there, views_there) = measured["duckdb"], measured[spark_address]
    pd.testing.assert_frame_equal(halves_there.first, halves.first, rtol=1e-9, atol=1e-9)
    pd.testing.assert_frame_equal(halves_there.second, halves.second, rtol=1e-9, atol=1e-9)
    pd.testing.assert_series_equal(halves_there.sessions, halves.sessions)
    assert len(halves.sessions) > 20
    for view, counts in views.items():
        pd.testing.assert_frame_equal(views_there[view], counts)


def test_users_are_placed_alike(spark_address: str) -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(4, 12)) * 3
    rows = centres[rng.integers(4, size=25_000)] + rng.normal(size=(25_000, 12)) * rng.choice([1.0, 4.0], (25_000, 1))
    landmarks = np.sort(rng.choice(25_000, 600, replace=False))
    labels = np.linalg.norm(rows[landmarks, None] - centres, axis=2).argmin(axis=1)
    model = GroupModel(fit_discriminant(rows[landmarks], labels, 4), np.full(4, 5.0), 1.5)
    asked = {"model": model, "xy": rng.normal(size=(600, 2)), "neighbors": 15}
    here, there = assign_users(rows, landmarks, **asked), assign_on_spark(spark_address, rows, landmarks, **asked)
    spark_session.stop()
    assert len(np.unique(here.labels)) == 5
    np.testing.assert_array_equal(there.labels, here.labels)
    np.testing.assert_array_equal(there.others, here.others)
    np.testing.assert_allclose(there.probabilities, here.probabilities, rtol=0, atol=1e-9)
    np.testing.assert_allclose(there.other_probabilities, here.other_probabilities, rtol=0, atol=1e-9)
    np.testing.assert_allclose(there.xy, here.xy, rtol=0, atol=1e-9)


def test_when_all_users_are_landmarks_spark_is_not_used(silent_port: int) -> None:
    rows = np.random.default_rng(3).normal(size=(40, 3))
    labels = np.arange(40) % 2
    rows[labels == 1] += 20
    model = GroupModel(fit_discriminant(rows, labels, 2), np.full(2, 9.0), 1.0)
    asked = {"model": model, "xy": rows[:, :2], "neighbors": 15}
    assignment = assign_on_spark(f"spark://127.0.0.1:{silent_port}", rows, np.arange(40), **asked)
    np.testing.assert_array_equal(assignment.labels, labels)


def test_a_failure_on_spark_is_reported_in_one_line(spark_address: str) -> None:
    with pytest.raises(SparkFailedError, match=r"^Spark at spark://\S+ failed: .*no_such_table[^\n]*$"):  # noqa: SIM117
        with spark_session.session(spark_address) as session:
            session.sql("SELECT * FROM no_such_table").collect()
    spark_session.stop()


@pytest.mark.parametrize("scheme", ["spark", "sc"])
def test_a_missing_spark_cluster_is_reported_at_once_and_nothing_changes(
    scheme: str, silent_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRUPA_ENGINE", f"{scheme}://127.0.0.1:{silent_port}")
    monkeypatch.setattr(spark_session.shutil, "which", lambda *_args, **_options: "java")
    log = tmp_path / "log.csv"
    log.write_text("user_id,timestamp,action\nann,2026-01-01,login\n")
    assert main.main(["run", str(log), "--warehouse", str(tmp_path / "warehouse")]) == ExitStatus.UNUSABLE
    told = capsys.readouterr().err
    assert f"No Spark answers at {scheme}://127.0.0.1:{silent_port}" in told
    assert "GRUPA_ENGINE=duckdb" in told
    assert "Traceback" not in told
    assert not (tmp_path / "warehouse" / "grupa.duckdb").exists()


def test_the_second_master_of_an_address_suffices(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session.shutil, "which", lambda *_args, **_options: "java")
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_available(f"spark://127.0.0.1:{silent_port},127.0.0.1:{server.getsockname()[1]}")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SparkUnavailableError, match=r"pip install 'grupa\[spark\]'"):
        check_available("spark://127.0.0.1:7077")


def test_a_missing_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SparkUnavailableError, match="install Java 17"):
        check_available("spark://127.0.0.1:7077")
    with pytest.raises(SparkUnavailableError, match="No Spark answers"):  # Spark Connect needs none here
        check_available("sc://127.0.0.1:1")
