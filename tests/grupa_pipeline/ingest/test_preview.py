"""The preview reports what ingestion would do, and stores nothing."""

from grupa_pipeline.ingest.preview import preview_file
from tests.grupa_pipeline.ingest.conftest import HEADER, NOW

ROWS = (
    "u2,2025-01-02 10:00:00,b,",
    "u1,2025-01-01 10:00:00,a,",
    "u1,2025-01-01 10:00:00,a,",
    ",2025-01-01 10:00:00,a,",
    "u1,2025-02-30 10:00:00,a,",
)


def test_the_preview_counts_and_lists_accepted_and_rejected_records(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "\n".join(ROWS) + "\n")
    preview = preview_file(path, now=NOW, rows=1)
    assert (preview.file.rows_read, preview.file.rows_accepted, preview.file.rows_duplicate) == (5, 2, 1)
    assert preview.reasons == {"missing_user_id": 1, "bad_timestamp": 1}
    assert preview.accepted.column("user_id").to_pylist() == ["u1"]
    assert preview.rejected.column("sentence").to_pylist() == ["The user_id is empty."]
    assert list(tmp_path.iterdir()) == [path]
