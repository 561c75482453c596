"""What `grupa serve` prepares before its processes start."""

from pathlib import Path

import pytest

from grupa.service.preparation import prepare
from grupa_pipeline.settings import Settings


@pytest.mark.slow
def test_a_new_warehouse_has_the_folder_that_logs_are_dropped_in(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse")
    for _start in range(2):
        assert prepare(settings) == 0
        assert settings.inbox.is_dir() and not any(settings.inbox.iterdir())
