"""The columns of the logs that known tools export, by which such a log is read without a word from anyone.

Names are compared as `column_key` writes them: lower case, with one underscore for blanks, dots and hyphens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from grupa_pipeline.ingest.column_mapping import ColumnMapping


@dataclass(frozen=True)
class KnownLayout:
    """The columns of one tool's export, by their keys.

    Attributes:
        tool: The tool's name.
        signature: Columns that all are there.
        user_ids: Columns of the user id; those that are there are read in this order.
        timestamps: Columns of the time; the first that is there is read.
        actions: Columns of the action; those that are there are read in this order.
        event_ids: Columns of the event's id; the first that is there is read.
        metadata: Columns of the metadata's object; the first that is there is read.
        is_general: Whether other logs may have these columns too: then no other column may be meant.
    """

    tool: str
    signature: frozenset[str]
    user_ids: tuple[str, ...]
    timestamps: tuple[str, ...]
    actions: tuple[str, ...]
    event_ids: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    is_general: bool = False

    def mapping(self, columns: Mapping[str, str]) -> ColumnMapping | None:
        """The mapping of a log with `columns` (from key to name); None when it is no log of this layout."""
        if not self.signature <= columns.keys():
            return None
        user_ids, timestamps, actions, event_ids, metadata = (
            tuple(columns[key] for key in keys if key in columns)
            for keys in (self.user_ids, self.timestamps, self.actions, self.event_ids, self.metadata)
        )
        if not (user_ids and timestamps and actions):
            return None
        return ColumnMapping(user_ids, timestamps[0], actions, next(iter(metadata), None), next(iter(event_ids), None))


def column_key(name: str) -> str:
    """The form in which names of columns are compared."""
    return re.sub(r"[\s._-]+", "_", name.strip().lower()).strip("_") or name.strip().lower()


def _layout(tool: str, signature: str, user_ids: str, timestamps: str, actions: str, **others: str) -> KnownLayout:
    words = {name: tuple(value.split()) for name, value in others.items()}
    general = words.pop("general", ()) != ()
    return KnownLayout(
        tool,
        frozenset(signature.split()),
        tuple(user_ids.split()),
        tuple(timestamps.split()),
        tuple(actions.split()),
        words.get("event_ids", ()),
        words.get("metadata", ()),
        general,
    )


_SEGMENT_IDS = "user_id userid anonymous_id anonymousid"
_SEGMENT_TIMES = "timestamp original_timestamp originaltimestamp received_at receivedat"

KNOWN_LAYOUTS: tuple[KnownLayout, ...] = (
    # posthog.com/docs/data-warehouse/sources/posthog
    _layout("PostHog", "event timestamp distinct_id", "distinct_id", "timestamp", "event",
            event_ids="uuid id", metadata="properties"),
    # amplitude.com/docs/apis/analytics/export
    _layout("Amplitude", "event_type event_time", "user_id device_id amplitude_id", "event_time", "event_type",
            event_ids="$insert_id insert_id uuid", metadata="event_properties"),
    # developer.mixpanel.com/reference/raw-event-export
    _layout("Mixpanel", "event time distinct_id", "distinct_id", "time", "event", event_ids="$insert_id insert_id"),
    _layout("Mixpanel", "event_name time distinct_id", "distinct_id", "time", "event_name",
            event_ids="$insert_id insert_id"),
    _layout("Mixpanel", "mp_event_name time distinct_id", "distinct_id", "time", "mp_event_name",
            event_ids="mp_insert_id $insert_id insert_id"),
    # support.google.com/analytics/answer/7029846
    _layout("Google Analytics 4 in BigQuery", "event_timestamp event_name user_pseudo_id", "user_id user_pseudo_id",
            "event_timestamp", "event_name"),
    # Segment and RudderStack: calls as JSON, and the tables of a warehouse
    _layout("Segment or RudderStack", "messageid anonymousid type", _SEGMENT_IDS, _SEGMENT_TIMES, "event name type",
            event_ids="messageid", metadata="properties"),
    _layout("Segment or RudderStack", "messageid userid type", _SEGMENT_IDS, _SEGMENT_TIMES, "event name type",
            event_ids="messageid", metadata="properties"),
    _layout("Segment or RudderStack", "message_id anonymous_id event", _SEGMENT_IDS, _SEGMENT_TIMES, "event",
            event_ids="message_id", metadata="properties"),
    _layout("Segment or RudderStack", "anonymous_id event received_at", _SEGMENT_IDS, _SEGMENT_TIMES, "event",
            event_ids="message_id id"),
    _layout("Segment or RudderStack", "anonymousid event originaltimestamp", _SEGMENT_IDS, _SEGMENT_TIMES, "event name type",
            event_ids="messageid", metadata="properties"),
    _layout("Segment or RudderStack", "anonymousid event timestamp", _SEGMENT_IDS, _SEGMENT_TIMES, "event name type",
            event_ids="messageid", metadata="properties"),
    # docs.snowplow.io: atomic.events
    _layout("Snowplow", "collector_tstamp domain_userid", "user_id domain_userid network_userid",
            "derived_tstamp collector_tstamp", "event_name event", event_ids="event_id"),
    # developer.matomo.org/guides/database-schema: log_link_visit_action joined with log_action; and the Live API
    _layout("Matomo", "idvisitor server_time", "user_id idvisitor", "server_time",
            "action_name event_action action_type name type idaction_name idaction_url", event_ids="idlink_va"),
    _layout("Matomo", "visitorid", "userid user_id visitorid", "servertimestamp timestamp server_time servertime",
            "eventaction event_action pagetitle page_title action type url"),
    # help.heap.io: Heap Connect
    _layout("Heap", "event_table_name time user_id", "user_id", "time", "event_table_name", event_ids="event_id"),
    _layout("Heap", "event_id session_id time user_id event_name", "user_id", "time", "event_name", event_ids="event_id"),
    _layout("Heap", "identity time event", "identity user_id", "time", "event", event_ids="event_id"),
    # IEEE 1849 (XES) as pm4py and others write it
    _layout("XES", "case:concept:name concept:name time:timestamp", "case:concept:name", "time:timestamp", "concept:name"),
    # LogRocket, Kissmetrics, Celonis, FullStory, Moodle, Umami
    _layout("LogRocket", "session_time event_type user_id", "user_id", "session_time", "custom_event_name event_type"),
    _layout("Kissmetrics", "p n t", "p", "t", "n"),
    _layout("Celonis", "case_key activity_en eventtime", "case_key", "eventtime", "activity_en"),
    _layout("Moodle", "time user_full_name event_name event_context", "user_full_name", "time", "event_name"),
    _layout("Umami", "session_id website_id created_at event_name", "distinct_id session_id", "created_at", "event_name",
            event_ids="event_id"),
    # Process mining in general: Disco, bupaR, PM4Py's examples
    *(
        _layout("process mining", f"{case} {activity} {time}", case, time, activity, general="yes")
        for case in ("case", "case_id", "caseid", "case_concept_name")
        for activity in ("activity", "activity_name", "concept:name", "concept_name")
        for time in ("timestamp", "time", "complete_timestamp", "time:timestamp", "time_timestamp", "completion_time")
    ),
    # retentioneering: the columns of an Eventstream
    _layout("retentioneering", "user_id event timestamp", "user_id", "timestamp", "event",
            event_ids="event_id", general="yes"),
)  # fmt: skip
"""Layouts; of those that fit, the one with the most columns in its signature is taken."""
