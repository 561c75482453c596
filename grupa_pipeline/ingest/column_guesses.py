"""Guesses which column of an unknown log holds which field, by usual names, edit distance and the columns' values.

A guess is always asked, never applied: it comes with all columns that could be meant.
"""

import re
from collections.abc import Mapping, Sequence

from grupa_pipeline.ingest.column_mapping import REQUIRED_FIELDS, EventField
from grupa_pipeline.ingest.known_layouts import column_key
from grupa_pipeline.vocabulary.action_names import without_accents


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


USUAL_NAMES: Mapping[EventField, tuple[str, ...]] = {
    EventField.USER_ID: _names(
        "user_id userid user uid user_name username user_uuid customer_id customerid customer client_id clientid "
        "member_id account_id visitor_id visitorid visitor person_id personid distinct_id anonymous_id anonymousid "
        "device_id deviceid actor actor_id subject subject_id case_id caseid case player_id student_id user_pseudo_id "
        "domain_userid session_id sessionid email userkey who "
        "benutzer benutzer_id nutzer nutzer_id kunde kunden_id kundennummer klant klant_id klantnummer gebruiker gebruiker_id "
        "utilisateur id_utilisateur client id_client usuario id_usuario cliente id_cliente utente id_utente utilizador"
    ),
    EventField.TIMESTAMP: _names(
        "timestamp time ts datetime date_time date event_time eventtime event_timestamp event_date occurred_at "
        "occurredat created_at createdat created server_time client_event_time received_at sent_at logged_at log_time "
        "timestamp_utc time_utc complete_timestamp start_timestamp original_timestamp event_at when "
        "zeitstempel zeitpunkt zeit datum tijdstip tijd horodatage date_heure heure fecha fecha_hora hora data data_hora ora "
        "data_ora"
    ),
    EventField.ACTION: _names(
        "action event event_name eventname event_type eventtype event_action activity activity_name action_name "
        "actionname action_type type name operation verb concept:name step page page_name screen url what "
        "aktion ereignis aktivitat vorgang actie gebeurtenis activiteit evenement activite accion evento actividad acao atividade "
        "azione attivita"
    ),
}
"""Names that columns of a field usually have, the most usual first, in English and six other languages, without accents."""

ANONYMOUS_NAMES = _names(
    "anonymous_id anonymousid anon_id domain_userid user_pseudo_id device_id deviceid visitor_id visitorid client_id "
    "distinct_id cookie_id network_userid session_id"
)
"""Names of columns that hold a user's id before sign-in."""

EVENT_ID_NAMES = ("$insert_id", "insert_id", "uuid", "event_id", "messageid", "message_id")
"""Names of columns that hold an event's own id."""

_NEAR = 82
"""Similarity (0 to 100) from which a name counts as a misspelt usual one."""
_TIME = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d{9,19}(\.\d+)?|\d{8}(T?\d{2,9})?Z?|"
    r"\d\.\d+[eE]\+\d+|\w{3,9},? \d{1,2}.*|\d{1,2}[ -]\w{3,9}.*)\s*"
)
_MOST = 4


def candidates(names: Sequence[str], samples: Mapping[str, Sequence[str]]) -> dict[EventField, list[str]]:
    """The columns that could be meant by each required field, the likeliest first; each column for one field.

    Args:
        names: The columns.
        samples: Values of each column in the first records.
    """
    times = {name for name in names if holds_times(samples.get(name, ()))}
    names = [name for name in names if not _holds_objects(samples.get(name, ()))]
    found: dict[EventField, list[str]] = {}
    for field in REQUIRED_FIELDS:
        ranked = sorted(
            (score, -position, name) for position, name in enumerate(names) if (score := _score(field, name))
        )
        found[field] = [name for _, _, name in reversed(ranked) if (name in times) == (field is EventField.TIMESTAMP)]
    if not found[EventField.TIMESTAMP]:
        found[EventField.TIMESTAMP] = [name for name in names if name in times]
    taken: set[str] = set()
    for field in (EventField.TIMESTAMP, EventField.USER_ID, EventField.ACTION):
        found[field] = [name for name in found[field] if name not in taken][:_MOST]
        taken |= set(found[field][:1])
    return found


def rivals(used: Sequence[str], names: Sequence[str], samples: Mapping[str, Sequence[str]]) -> list[str]:
    """Columns beside those `used` that could be meant by a required field as well, by their exact usual names."""
    others = [name for name in names if name not in used]
    return [
        name
        for name in others
        for field in REQUIRED_FIELDS
        if column_key(name) in USUAL_NAMES[field][: _STRONG[field]]
        and holds_times(samples.get(name, ())) == (field is EventField.TIMESTAMP)
    ]


_STRONG = {EventField.USER_ID: 26, EventField.TIMESTAMP: 19, EventField.ACTION: 9}
"""How many of the usual names are so usual that a column of that name makes another one doubtful."""


def holds_times(values: Sequence[str]) -> bool:
    """Whether nearly all of the `values` that are not empty look like times."""
    filled = [value for value in values if value.strip()]
    return bool(filled) and 10 * sum(bool(_TIME.fullmatch(value)) for value in filled) >= 8 * len(filled)


def _holds_objects(values: Sequence[str]) -> bool:
    """Whether most of the `values` that are not empty are JSON objects or lists, which are no id, time or action."""
    filled = [value for value in values if value.strip()]
    return bool(filled) and 2 * sum(value.lstrip().startswith(("{", "[")) for value in filled) > len(filled)


def _score(field: EventField, name: str) -> float:
    """How likely a column of this name holds the field, from its name; 0 for not at all."""
    key, usual = column_key(without_accents(name)), USUAL_NAMES[field]
    if key in usual:
        return 200.0 - usual.index(key)
    if len(key) < 4:
        return 0.0
    from rapidfuzz import fuzz, process  # rarely needed

    near = process.extractOne(key, [name for name in usual if len(name) >= 4], scorer=fuzz.ratio, score_cutoff=_NEAR)
    return near[1] if near else 0.0
