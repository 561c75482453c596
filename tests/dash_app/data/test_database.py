import threading

import pytest

from dash_app.data.database import Database
from grupa_pipeline.storage.warehouse import PIPELINE_FILE


@pytest.mark.slow
def test_what_two_ask_for_at_a_time_is_loaded_once(written):
    database, calls, started = Database(written / PIPELINE_FILE), [], threading.Event()

    def load(con):
        calls.append(con)
        started.set()
        return con.execute("SELECT count(*) FROM events").fetchone()

    answers = []
    threads = [threading.Thread(target=lambda: answers.append(database.query(load))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(set(answers)) == 1
    assert database._loading == {}


def test_after_a_failure_the_next_who_asks_loads_again(written):
    database, calls = Database(written / PIPELINE_FILE), []

    def load(con):
        calls.append(con)
        if len(calls) == 1:
            raise ValueError("not now")
        return 7

    with pytest.raises(ValueError, match="not now"):
        database.query(load)
    assert database.query(load) == 7
    assert database._loading == {}
