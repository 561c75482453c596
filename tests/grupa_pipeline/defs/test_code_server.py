"""Which process is asked to load the code location again."""

from pathlib import Path

import pytest
from dagster._grpc.client import DagsterGrpcClient

from grupa_pipeline.defs import code_server


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("python -m dagster code-server start -m grupa_pipeline.definitions --socket /tmp/a", "unix:/tmp/a"),
        ("dagster code-server start -h 0.0.0.0 -p 4266 -m grupa_pipeline.definitions", "localhost:4266"),
        ("python -m dagster code-server start -m grupa_pipeline.definitions", None),
        ("python -m grupa.cli.main run log.csv --port 4266", None),
    ],
)
def test_the_code_server_is_found_by_the_arguments_of_the_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, address: str | None
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(DagsterGrpcClient, "reload_code", lambda client, timeout: asked.append(client._server_address))
    command_line = tmp_path / "cmdline"
    command_line.write_text("".join(f"{word}\0" for word in words.split()))
    assert code_server.request_reload(command_line) is (address is not None)
    with code_server._reloading:  # the thread has ended
        assert asked == ([address] if address else [])


def test_without_a_parent_that_can_be_read_nothing_is_asked(tmp_path: Path) -> None:
    assert not code_server.request_reload(tmp_path / "none")
