"""One log in every format gives equal tables; JSON lines, Parquet and archives account for every record."""

import csv
import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile, ingest_files
from grupa_pipeline.ingest.reading_options import ReadingOptions
from tests.grupa_pipeline.ingest.conftest import NOW, events_of, rejections

RECORDS = [
    {
        "user_id": f"u{number % 7}",
        "timestamp": f"2025-01-{1 + number % 3:02}T10:{number % 60:02}:{number % 59:02}Z",
        "action": random.Random(number).choice(["login", "search ä", 'a"b,c']),
        "metadata": json.dumps({"n": number, "x": [1.50, None], "é": "q\"'\n"}) if number % 5 else "",
        "plan": ["", "pro\x1f", "fré\te", "[1, 2]", '{"a": {"b": 1}}', "3.50", "true"][number % 7],
    }
    for number in range(90)
] + [
    {"user_id": "", "timestamp": "2025-01-01T10:00:00Z", "action": "x", "metadata": "", "plan": ""},
    {"user_id": "u1", "timestamp": "soon", "action": "x", "metadata": "", "plan": ""},
]


def delimited(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(RECORDS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(RECORDS)
    return text.getvalue().encode()


def json_lines() -> bytes:
    """Nested where the text of a record is JSON, as a tool would write it."""

    def value(text: str) -> object:
        try:
            return json.loads(text)
        except ValueError:
            return text

    def line(record: dict[str, str]) -> str:
        own = {"metadata": json.loads(record["metadata"])} if record["metadata"] else {}
        plan = record["plan"] if record["plan"] == "3.50" else value(record["plan"]) or None
        return json.dumps(record | {"plan": plan, "metadata": None} | own)

    return "\n".join(map(line, RECORDS)).encode()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(RECORDS), sink)
    return sink.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def tarred(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("log.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def _shown(value: object) -> str:
    """The id of a parameter: contents differ from run to run, or are long."""
    return value[:30] if isinstance(value, str) else "content"


PLAIN = {
    "csv": delimited(","),
    "tsv": delimited("\t"),
    "semicolons": delimited(";"),
    "jsonl": json_lines(),
    "parquet": parquet(),
}
PACKED = {f"{name}.gz": gzip.compress(content) for name, content in PLAIN.items()}
PACKED |= {f"{name}.zst": zstd(content) for name, content in PLAIN.items()}
PACKED |= {f"{name}.zip": zipped(**{"folder/log": content}) for name, content in PLAIN.items()}


def described(file: IngestedFile) -> object:
    reasons = [reason for _, reason in rejections(file)]
    return events_of(file), file.rows_read, file.rows_accepted, reasons, file.first_event_at, file.last_event_at


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*PLAIN, *PACKED])
@pytest.mark.parametrize("name", ["log", "log.csv"])
def test_a_log_is_equal_in_every_format(ingest_text: Callable[..., IngestedFile], kind: str, name: str) -> None:
    content = (PLAIN | PACKED)[kind]
    assert described(ingest_text(content, name=name)) == described(ingest_text(PLAIN["csv"]))


def test_line_numbers_are_lines_and_rows(ingest_text: Callable[..., IngestedFile]) -> None:
    assert [line for line, _ in rejections(ingest_text(PLAIN["jsonl"]))] == [91, 92]
    assert [line for line, _ in rejections(ingest_text(PLAIN["parquet"]))] == [91, 92]
    assert [line for line, _ in rejections(ingest_text(b"\n" + PLAIN["jsonl"]))] == [92, 93]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "bad_json"),
        (b"[]", "bad_json"),
        (b'{"user_id":"u"} x', "bad_json"),
        (b'{"user_id":NaN}', "bad_json"),
        (b'{"user_id":"u",}', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"a":' * 50_000, "bad_json"),
        (b"\xff{}", "bad_encoding"),
        (b'{"user_id":"\xff"}', "bad_encoding"),
        (b'{"user_id":"\\ud800","timestamp":"2025-01-01","action":"a"}', "bad_encoding"),
        (b'{"user_id":"a\\u0000","timestamp":"2025-01-01","action":"a"}', "nul_byte"),
        (b"{}", "missing_user_id"),
        (b'{"user_id":null,"timestamp":"2025-01-01","action":"a"}', "missing_user_id"),
        (b'{"user_id":"u","timestamp":"2025-01-01","action":" "}', "missing_action"),
        (b'{"user_id":"u","timestamp":{"a":1},"action":"a"}', "bad_timestamp"),
    ],
    ids=_shown,
)
def test_a_bad_json_line_is_rejected_alone(ingest_text: Callable[..., IngestedFile], line: bytes, reason: str) -> None:
    good = b'{"user_id":"u","timestamp":"2025-01-01","action":"a"}'
    file = ingest_text(good + b"\n" + line + b"\n\n" + good.replace(b'"a"', b'"b"'), name="x.csv")
    assert (file.rows_read, file.rows_accepted, rejections(file)) == (3, 2, [(2, reason)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "metadata"),
    [
        ({"metadata": {"a": 1.5}, "b": 2, "c": None, "d": ""}, {"a": 1.5, "b": "2"}),
        ({"properties": {"a": 1, "b": {"c": [2]}}}, {"a": 1, "b": {"c": [2]}}),
        ({"properties": {"a": 1}, "a": 2}, {"a": 1}),
        ({"properties": '{"a": 1}', "b": True}, {"a": 1, "b": "true"}),
        ({"properties": "text"}, "text"),
        ({"properties": "text", "b": "x"}, {"metadata": "text", "b": "x"}),
        ({"metadata": {"a": 1}, "properties": {"b": 2}}, {"a": 1, "properties": {"b": 2}}),
        ({"context": {"page": {"url": "/"}}}, {"context": {"page": {"url": "/"}}}),
        ({}, None),
    ],
)
def test_members_become_metadata(ingest_text: Callable[..., IngestedFile], line: dict, metadata: object) -> None:
    record = {"user_id": 7, "timestamp": 1735725600, "action": "a"} | line
    file = ingest_text(json.dumps(record))
    [event] = events_of(file)
    assert (event["user_id"], event["metadata"] and json.loads(event["metadata"])) == ("7", metadata)


def test_required_members_may_be_nested_under_properties(ingest_text: Callable[..., IngestedFile]) -> None:
    line = {"name": "open", "properties": {"who": "u1", "at": "2025-01-01T10:00:00Z", "n": 1}}
    file = ingest_text(json.dumps(line), columns="user_id=who,timestamp=at,action=name")
    assert [(row["user_id"], row["action"], row["metadata"]) for row in events_of(file)] == [("u1", "open", '{"n":1}')]


def test_parquet_types_become_text_and_json(ingest_text: Callable[..., IngestedFile]) -> None:
    table = pa.table(
        {
            "user_id": pa.array([1, None], pa.int64()),
            "timestamp": pa.array([1735725600_000000, 0], pa.timestamp("us", "Europe/Berlin")),
            "action": pa.array(["a", "b"]).dictionary_encode(),
            "tags": pa.array([["x"], []]),
            "seen": pa.array([True, None]),
            "spot": pa.array([{"lat": 1.5}, None]),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    file = ingest_text(sink.getvalue())
    [event] = events_of(file)
    assert (event["user_id"], str(event["timestamp"])) == ("1", "2025-01-01 10:00:00")
    assert json.loads(event["metadata"]) == {"tags": ["x"], "seen": "true", "spot": {"lat": 1.5}}
    assert rejections(file) == [(2, "missing_user_id")]


def ingest(path: Path, **options: object) -> list[IngestedFile]:
    files = ingest_files(
        [path],
        path.parent / "out",
        known=lambda day: [],
        known_sha256=set(),
        now=NOW,
        options=ReadingOptions.of(options),
    )
    assert all(file.rows_read == file.rows_accepted + file.rows_rejected + file.rows_duplicate for file in files)
    return files


def test_members_of_an_archive_and_a_folder_are_files_of_their_own(tmp_path: Path) -> None:
    log = b"user_id,timestamp,action\nu1,2025-01-01T10:00:00Z,a\n"
    odd = b"uid,when,what\nu2,2025-01-01T10:00:00Z,b\n"
    members = {
        "b/log.csv.gz": gzip.compress(log),
        "a.csv": odd,
        "a.csv.columns.toml": b'columns = "user_id=uid,timestamp=when,action=what"\n',
        "__MACOSX/a.csv": b"x",
        ".hidden": b"x",
        "README.md": b"words",
        "a/readme.txt": b"words",
    }
    (tmp_path / "logs.zip").write_bytes(zipped(**members))
    for name, content in members.items():
        (tmp_path / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "logs" / name).write_bytes(content)
    for archive in ("logs.zip", "logs"):
        files = ingest(tmp_path / archive)
        assert [file.file_name for file in files] == [f"{archive}/a.csv", f"{archive}/b/log.csv.gz"]
        assert [row["user_id"] for file in files for row in events_of(file)] == ["u2", "u1"]
        assert files[0].notes == (f"{archive}: left out README.md, a/readme.txt: no logs by their names.",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(**{"README.md": b"x"}), "it holds no log (only README.md)"),
        (zipped(**{"[Content_Types].xml": b"x"}), "Excel workbook"),
        (zipped(**{"log.csv": b"a,b\n"})[:60], "its ZIP data cannot be read"),
        (PLAIN["parquet"][:500], "its Parquet data cannot be read"),
        (zstd(PLAIN["csv"])[:-20], "its zstd data is damaged"),
        (b'{"events":[{"user_id":1}]}', "jq -c '.events[]' log.csv"),
        (b'{\n"n": 1, "my rows": [\n{"user_id":1}\n]}\n', """jq -c '.["my rows"][]' log.csv"""),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"ARROW1\0\0", "an Arrow or Feather file"),
        ("user_id,timestamp,action\n".encode("utf-32"), "UTF-32"),
        (b'<?xml version="1.0"?>\n<log xes.version="1.0"></log>', "it is XES"),
        (gzip.compress(gzip.compress(PLAIN["csv"])), "compressed twice"),
        (tarred(PLAIN["csv"]), "it is a tar archive"),
        (zipped(**{"log.csv": zipped(a=b"x")}), "log.csv/log.csv: it is a ZIP archive"),
    ],
    ids=_shown,
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    ingest_text: Callable[..., IngestedFile], content: bytes, said: str
) -> None:
    with pytest.raises(UnusableFileError) as error:
        ingest_text(content)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
