import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from grupa_pipeline.storage import file_lock, warehouse


def add(database: Path, number: int) -> None:
    with warehouse.publish(database) as con:
        con.execute("CREATE TABLE IF NOT EXISTS numbers (n BIGINT)")
        con.execute("INSERT INTO numbers VALUES (?)", [number])


def numbers(database: Path) -> list[int]:
    with warehouse.read(database) as con:
        return [n for (n,) in con.execute("SELECT n FROM numbers ORDER BY n").fetchall()]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    add(tmp_path / "grupa.duckdb", 1)
    return tmp_path / "grupa.duckdb"


def test_a_published_version_is_what_any_client_opens(database: Path) -> None:
    with duckdb.connect(os.path.realpath(database), read_only=True) as con:
        assert con.execute("SELECT n FROM numbers").fetchall() == [(1,)]
    assert stat.S_IMODE(os.stat(database).st_mode) == 0o400  # of a folder that nobody else may enter


def test_a_reader_keeps_its_version_while_the_next_is_published(database: Path) -> None:
    with warehouse.read(database) as con:
        add(database, 2)
        assert con.execute("SELECT count(*) FROM numbers").fetchone() == (1,)
    assert numbers(database) == [1, 2]


def test_an_exception_publishes_nothing(database: Path) -> None:
    before = warehouse.version(database)
    with pytest.raises(ValueError, match="stop"), warehouse.publish(database) as con:
        con.execute("DELETE FROM numbers")
        raise ValueError("stop")
    assert (warehouse.version(database), numbers(database)) == (before, [1])
    assert not list(database.parent.glob("versions/.*"))


def test_a_client_that_writes_into_the_published_file_does_not_change_later_versions(database: Path) -> None:
    shown = Path(os.path.realpath(database))
    shown.chmod(0o644)
    with duckdb.connect(str(shown)) as con:
        con.execute("DELETE FROM numbers")
    assert numbers(database) == [1]
    add(database, 2)
    assert numbers(database) == [1, 2]


def test_a_read_write_session_left_open_blocks_nobody(database: Path) -> None:
    shown = os.path.realpath(database)
    os.chmod(shown, 0o644)
    script = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, shown], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout and client.stdout.readline() == b"open\n"
        add(database, 2)
        assert numbers(database) == [1, 2]
        with duckdb.connect(os.path.realpath(database), read_only=True) as con:
            assert con.execute("SELECT count(*) FROM numbers").fetchone() == (2,)


@pytest.mark.slow
def test_writers_of_two_processes_wait_for_each_other(database: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.grupa_pipeline.storage.test_warehouse import add\n"
        "for n in range(10): add(Path(sys.argv[1]), int(sys.argv[2]) + n)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(database), str(start)]) for start in (100, 200)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert numbers(database) == [1, *range(100, 110), *range(200, 210)]


def test_the_draft_of_a_killed_writer_is_ignored_and_deleted(database: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from grupa_pipeline.storage import warehouse\n"
        "with warehouse.publish(Path(sys.argv[1])) as con:\n"
        "    con.execute('DELETE FROM numbers'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(database)], check=False).returncode == -9
    assert numbers(database) == [1]
    add(database, 2)
    assert numbers(database) == [1, 2]
    assert not list(database.parent.glob("versions/.*"))


def test_a_finished_version_that_was_never_published_is_not_built_on(database: Path) -> None:
    shown = warehouse.version(database)
    unshown = database.parent / "versions" / "grupa-00000002.duckdb"
    with duckdb.connect(str(unshown)) as con:
        con.execute("CREATE TABLE numbers AS SELECT 99 AS n")
    assert (warehouse.version(database), numbers(database)) == (shown, [1])
    add(database, 2)
    assert numbers(database) == [1, 2]


def test_restore_publishes_an_earlier_version_and_deletes_none(database: Path) -> None:
    first = warehouse.version(database)
    assert first
    add(database, 2)
    warehouse.restore(database, first)
    assert numbers(database) == [1]
    assert len(warehouse.versions(database)) == 3
    with pytest.raises(warehouse.NoWarehouseError, match="not among the kept versions"):
        warehouse.restore(database, "grupa-99999999")


def test_only_the_newest_versions_and_the_last_of_each_day_are_kept(database: Path) -> None:
    for number in range(2, 12):
        add(database, number)
    assert len(warehouse.versions(database)) == 5
    assert len(list((database.parent / "published").iterdir())) == 3


def test_errors_about_a_missing_or_damaged_warehouse_name_the_command_to_use(tmp_path: Path, database: Path) -> None:
    with (
        pytest.raises(warehouse.NoWarehouseError, match="grupa run"),
        warehouse.read(tmp_path / "none" / "grupa.duckdb"),
    ):
        pass
    own = database.parent / "versions" / f"{warehouse.version(database)}.duckdb"
    own.chmod(0o644)
    own.write_bytes(b"no database")
    with pytest.raises(warehouse.DamagedWarehouseError, match="grupa restore"), warehouse.read(database):
        pass


def test_whoever_waits_for_the_lock_learns_who_holds_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from grupa_pipeline.storage import file_lock\n"
        "with file_lock.lock(Path(sys.argv[1]), purpose='a long run'): print('held', flush=True); sys.stdin.readline()"
    )
    holders: list[str] = []
    path = tmp_path / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline() == b"held\n"

        def note_holder(who: str) -> None:
            holders.append(who)
            holder.stdin.write(b"\n")  # type: ignore[union-attr]
            holder.stdin.flush()  # type: ignore[union-attr]

        with file_lock.lock(path, purpose="ours", on_wait=note_holder):
            pass
    assert len(holders) == 1
    assert f"process {holder.pid} on " in holders[0] and "(a long run" in holders[0]


def test_while_a_version_is_kept_open_the_next_one_is_read_after_publishing(database: Path) -> None:
    with warehouse.publish(database) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS x")
    with warehouse.keep_open(database):
        with warehouse.publish(database) as con:
            con.execute("UPDATE t SET x = 2")
        with warehouse.read(database) as con:
            assert con.execute("SELECT x FROM t").fetchall() == [(2,)]
