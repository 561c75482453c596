from pathlib import Path

import pytest

from grupa_pipeline.exports.replacement import replace_file


def test_a_file_is_replaced_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.csv"
    for text in ("one", "two"):
        with replace_file(path) as part:
            part.write_text(text)
            assert not path.exists() or path.read_text() != text
        assert path.read_text() == text and list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("one")
    with pytest.raises(OSError, match="full"), replace_file(path) as part:
        part.write_text("half")
        raise OSError("the disk is full")
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]
