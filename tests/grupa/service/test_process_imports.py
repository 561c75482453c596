"""What the processes that run for years hold in memory: what only a few requests need is imported when one comes."""

import subprocess
import sys

import pytest

_STARTING = "dash_app.server.gunicorn_config import on_starting; on_starting(None)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("process", "absent", "present"),
    [
        ("grupa.service import supervision", ("pydantic", "duckdb", "numpy", "dagster", "dash"), ()),
        ("grupa.cli import dagster_webserver", ("duckdb", "numpy", "pyarrow", "dash"), ()),
        # Gunicorn's workers share what is there before they are forked, and have each their own of what comes later.
        (_STARTING, ("sklearn", "umap"), ("pandas", "scipy", "ibis", "dash", "duckdb", "dagster")),
    ],
    ids=["the supervisor", "Dagster's UI", "the app"],
)
def test_a_process_holds_what_it_needs(process: str, absent: tuple[str, ...], present: tuple[str, ...]) -> None:
    code = f"import sys\nfrom {process}\nprint(*sorted(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    held = set(done.stdout.split())
    assert held.isdisjoint(absent)
    assert held.issuperset(present)
