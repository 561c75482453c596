"""Options of reading: from texts, from the file beside a log, and the mapping of columns."""

from pathlib import Path

import pytest

from grupa_pipeline.ingest.column_mapping import ColumnMapping, ColumnMappingError
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.reading_options import (
    ReadingOptionError,
    ReadingOptions,
    Repeats,
    options_beside,
    options_file,
)

MAPPING = "user_id=uid|device id,timestamp=time,action=event,metadata=properties,event_id=$insert_id"


def test_a_mapping_is_read_as_it_is_written() -> None:
    mapping = ColumnMapping.parse(MAPPING)
    assert mapping == ColumnMapping(("uid", "device id"), "time", ("event",), "properties", "$insert_id")
    assert str(mapping) == MAPPING
    odd = ColumnMapping(("a",), 'x,"y"', ("c",))
    assert ColumnMapping.parse(str(odd)) == odd


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_id=a,timestamp=b", "no column is given for action"),
        ("user_id=a,timestamp=b,action", "'action' names no column"),
        ("user_id=a,user_id=b,timestamp=c,action=d", "user_id is given twice"),
        ("user=a,timestamp=b,action=c", "'user' is no field"),
        ('"user_id=a', "no list of columns"),
        ("", "no column is given for user_id and timestamp and action"),
    ],
)
def test_a_wrong_mapping_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ColumnMappingError, match="user_id=distinct_id,timestamp=time,action=event") as error:
        ColumnMapping.parse(text)
    assert said in str(error.value)


def test_options_survive_the_file_beside_a_log(tmp_path: Path) -> None:
    options = ReadingOptions(ColumnMapping.parse(MAPPING), "Europe/London", '%d "%m"\\', Repeats.KEEP, True)
    log = tmp_path / "log.csv"
    options_file(log).write_text(options.as_toml())
    assert options_beside(log) == options == ReadingOptions.of(options.as_values())
    options_file(log).write_text("[columns]\nuser_id = 'uid|device id'\ntimestamp = 'time'\naction = 'event'\n")
    assert options_beside(log).columns == ColumnMapping(("uid", "device id"), "time", ("event",))
    assert options_beside(tmp_path / "other.csv") == ReadingOptions()


def test_given_options_go_before_others() -> None:
    given = ReadingOptions(timezone="UTC").over(ReadingOptions(timezone="Europe/London", repeats=Repeats.DROP))
    assert given == ReadingOptions(timezone="UTC", repeats=Repeats.DROP)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timezone", "Mars/Base"),
        ("timezone", "../etc"),
        ("timezone", 3),
        ("repeats", "maybe"),
        ("accept_rejects", "yes"),
        ("columns", "user_id=a"),
        ("colums", "x"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ReadingOptionError) as error:
        ReadingOptions.of({name: value})
    assert error.value.option == name
    log = tmp_path / "log.csv"
    options_file(log).write_text(f"{name} = {value!r}\n")
    with pytest.raises(UnusableFileError, match=name):
        options_beside(log)
