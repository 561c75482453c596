"""Columns of logs: exports of known tools are read at once, anything else is asked, and what is said is remembered."""

import json
import re
import shlex
from collections.abc import Callable

import pytest

from grupa_pipeline.ingest.column_mapping import ColumnMapping
from grupa_pipeline.ingest.columns import ColumnQuestionError, column_set, find_mapping
from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile
from tests.grupa_pipeline.ingest.conftest import events_of

AT = "2024-05-22T17:09:29.220Z"


def lines(*records: dict) -> str:
    return "\n".join(map(json.dumps, records))


EXPORTS = {
    "PostHog": (
        "uuid,event,properties,timestamp,distinct_id,person_id,elements_chain,created_at,team_id\n"
        f'018f,$pageview,"{{""$browser"":""Chrome""}}",{AT},u1,p1,,{AT},2\n',
        ("u1", "$pageview", "018f", {"$browser": "Chrome", "person_id": "p1", "created_at": AT, "team_id": "2"}),
    ),
    "PostHog as JSON": (
        lines({"uuid": "018f", "event": "sign up", "properties": {"a": 1}, "timestamp": AT, "distinct_id": "u1"}),
        ("u1", "sign up", "018f", {"a": 1}),
    ),
    "Amplitude": (
        lines({
            "$insert_id": "i1", "amplitude_id": 12, "device_id": "d1", "user_id": None, "event_id": 5, "uuid": "x",
            "event_time": "2024-05-22 17:09:29.220000", "client_event_time": "2024-05-22 17:09:28", "event_type": "open",
            "event_properties": {"a": 1}, "session_id": 1716397769220, "server_upload_time": "2024-05-22 17:09:31",
        }),
        ("d1", "open", "i1", None),
    ),
    "Mixpanel": (
        lines({"event": "Signed Up", "properties": {"time": 1716397769, "distinct_id": "u1", "$insert_id": "i1", "b": 2}}),
        ("u1", "Signed Up", "i1", {"b": 2}),
    ),
    "Mixpanel as CSV": (
        "Event Name,Time,Distinct ID,User ID,Insert ID,Browser\nSigned Up,1716397769,u1,x,i1,Chrome\n",
        ("u1", "Signed Up", "i1", {"User ID": "x", "Browser": "Chrome"}),
    ),
    "GA4 in BigQuery": (
        lines({
            "event_date": "20240522", "event_timestamp": 1716397769220000, "event_name": "page_view", "user_id": None,
            "user_pseudo_id": "1.2", "event_params": [{"key": "a", "value": {"int_value": 1}}], "device": {"category": "x"},
        }),
        ("1.2", "page_view", None, None),
    ),
    "GA4 exploration": (
        "# ----------------------------------------\n# Free form 1\n# 20240501-20240531\n"
        "# ----------------------------------------\n\nuser_id,timestamp,action\nu1,2024-05-01,view\n",
        ("u1", "view", None, None),
    ),
    "Segment": (
        lines({
            "anonymousId": "a1", "userId": None, "messageId": "m1", "type": "track", "event": "Order", "context": {"ip": "x"},
            "properties": {"total": 2}, "timestamp": AT, "originalTimestamp": AT, "receivedAt": AT, "sentAt": AT,
        }, {"anonymousId": "a1", "userId": "u1", "messageId": "m2", "type": "page", "name": "Home", "timestamp": AT}),
        ("a1", "Order", "m1", None),
    ),
    "Segment's warehouse": (
        "id,anonymous_id,user_id,event,event_text,original_timestamp,received_at,sent_at,timestamp,context_ip\n"
        f"m1,a1,u1,order_completed,Order Completed,{AT},{AT},{AT},{AT},x\n",
        ("u1", "order_completed", "m1", None),
    ),
    "RudderStack": (
        lines({
            "anonymousId": "a1", "channel": "web", "messageId": "m1", "type": "track", "event": "Order", "rudderId": "r",
            "originalTimestamp": AT, "sentAt": AT, "properties": {"a": 1}, "userId": "",
        }),
        ("a1", "Order", "m1", None),
    ),
    "Snowplow": (
        "app_id\tplatform\tcollector_tstamp\tdvce_created_tstamp\tevent\tevent_id\tuser_id\tdomain_userid\tderived_tstamp\t"
        "event_name\nweb\tweb\t2024-05-22 17:09:29.220\t2024-05-22 17:09:28\tpage_view\te1\t\td1\t2024-05-22 17:09:29.220\t"
        "page_view\n",
        ("d1", "page_view", "e1", None),
    ),
    "Matomo": (
        "idlink_va,idsite,idvisitor,idvisit,server_time,name,type\n7,1,8f3a,3,2024-05-22 17:09:29,/shop,1\n",
        ("8f3a", "/shop", "7", {"idsite": "1", "idvisit": "3", "type": "1"}),
    ),
    "Heap": (
        "event_id,time,user_id,session_id,event_table_name\n5,2024-05-22 17:09:29,77,9,checkout\n",
        ("77", "checkout", "5", {"session_id": "9"}),
    ),
    "XES": (
        "case:concept:name,concept:name,time:timestamp,org:resource\n173,A_SUBMITTED,2011-09-30T22:38:44.546Z,112\n",
        ("173", "A_SUBMITTED", None, {"org:resource": "112"}),
    ),
    "Disco": (
        "Case ID,Activity,Resource,Complete Timestamp,Variant\n1,register,Pete,2010/12/30 11:02:00.000,V 1\n",
        ("1", "register", None, {"Resource": "Pete", "Variant": "V 1"}),
    ),
    "retentioneering": (
        "user_id,event,timestamp\nu1,catalog,2019-11-01 17:59:13.273932\n",
        ("u1", "catalog", None, None),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("tool", EXPORTS)
def test_an_export_of_a_known_tool_is_read_as_it_is(ingest_text: Callable[..., IngestedFile], tool: str) -> None:
    content, (user_id, action, event_id, metadata) = EXPORTS[tool]
    file = ingest_text(content)
    event = next(row for row in events_of(file) if row["action"] == action)
    assert (file.rows_rejected, event["user_id"]) == (0, user_id)
    if metadata is not None:
        assert json.loads(event["metadata"]) == metadata
    assert file.notes == () or file.notes[0].startswith("log.csv has the columns of ")
    mapping = find_mapping("x", file.columns, given=None, remembered={}, samples={})
    assert mapping is not None
    assert (mapping.mapping.event_id is None) == (event_id is None)


ASKED = {
    "user,timestamp,action\nu1,2025-01-01,a\n": "user_id=user,timestamp=timestamp,action=action",
    "usr_id,tmestamp,actoin\nu1,2025-01-01 10:00:00,a\n": "user_id=usr_id,timestamp=tmestamp,action=actoin",
    "customer,created_at,page\nu1,2025-01-01 10:00:00,a\n": "user_id=customer,timestamp=created_at,action=page",
    "user_id;event;timestamp;device_id\nu;e;2025-01-01 10:00:00;d\n": "user_id=user_id,timestamp=timestamp,action=event",
    "case,activity,timestamp,user_id\n1;x;y;z\nc,a,2025-01-01 10:00:00,u\n": "user_id=user_id,timestamp=timestamp,action=activity",
    '{"who":"u","what":"a","when":"2025-01-01T10:00:00Z"}\n': "user_id=who,timestamp=when,action=what",
}


@pytest.mark.slow
@pytest.mark.parametrize("content", ASKED)
def test_what_is_not_known_is_asked_with_an_answer_that_works(
    ingest_text: Callable[..., IngestedFile], content: str
) -> None:
    with pytest.raises(ColumnQuestionError) as error:
        ingest_text(content)
    question = error.value.question
    assert str(question.proposal) == ASKED[content]
    match = re.search(r"--columns (.+)$", str(error.value))
    assert match
    file = ingest_text(content, columns=shlex.split(match[1])[0])
    assert file.rows_accepted == 1
    assert str(file.given_mapping) == ASKED[content]


def test_where_two_columns_could_be_meant_both_are_named(ingest_text: Callable[..., IngestedFile]) -> None:
    content = "uid,customer_id,event_time,created_at,event\nu,c,2025-01-01 10:00:00,2025-01-01 10:00:00,e\n"
    with pytest.raises(
        ColumnQuestionError, match="user_id could be uid or customer_id, timestamp could be event_time or"
    ):
        ingest_text(content)


def test_an_empty_user_id_may_be_the_anonymous_id(ingest_text: Callable[..., IngestedFile]) -> None:
    rows = [f"{'u' if n == 3 else ''},2025-01-01 10:00:0{n},view,d{n}" for n in range(9)]
    content = "user_id,timestamp,action,domain_userid\n" + "\n".join(rows)
    with pytest.raises(ColumnQuestionError, match="user_id is empty in 8 of its first 9 records") as error:
        ingest_text(content)
    file = ingest_text(content, columns=str(error.value.question.proposal))
    assert (file.rows_accepted, file.rows_rejected) == (9, 0)
    assert {row["user_id"] for row in events_of(file)} == {"u", "d0", "d1", "d2", "d4", "d5", "d6", "d7", "d8"}
    alone = ingest_text(content, columns="user_id=user_id,timestamp=timestamp,action=action", accept_rejects=True)
    assert (alone.rows_accepted, alone.rows_rejected) == (1, 8)


def test_a_column_that_is_not_there_is_named(ingest_text: Callable[..., IngestedFile]) -> None:
    with pytest.raises(
        UnusableFileError, match="it has no column 'uid', which --columns names \\(found: 'a', 'b', 'c'\\)"
    ):
        ingest_text("a,b,c\n1,2025-01-01,3\n", columns="user_id=uid,timestamp=b,action=c")


def test_a_header_that_is_data_is_told(ingest_text: Callable[..., IngestedFile]) -> None:
    content = "u1,view,2024-01-01 10:00:00\nu2,view,2024-01-01 10:00:00\n"
    with pytest.raises(UnusableFileError, match="looks like data") as error:
        ingest_text(content)
    header = str(error.value).rpartition("such as ")[2]
    assert header == "user_id,action,timestamp"
    assert ingest_text(f"{header}\n{content}").rows_accepted == 2


def test_what_was_said_is_remembered_by_the_set_of_columns() -> None:
    said = ColumnMapping(("b",), "a", ("c",))
    remembered = {column_set(["c", "a", "b"]): said}
    found = find_mapping("x.csv", ["A", "b", "c"], given=None, remembered=remembered, samples={})
    assert found is None
    found = find_mapping("x.csv", ["a", "b", "c"], given=None, remembered=remembered, samples={})
    assert found is not None
    assert (found.mapping, found.is_given, found.is_said) == (said, False, True)
    assert found.note == "x.csv is read as you said before: user_id=b,timestamp=a,action=c."
