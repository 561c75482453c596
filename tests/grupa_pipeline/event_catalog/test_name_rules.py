"""What names of actions say: of public schemas, of known logs, in other languages."""

import pytest

from benchmarks.event_catalog.__main__ import GOALS, read_schemas, score, wrong_names
from grupa_pipeline.event_catalog.name_rules import read_name


@pytest.mark.parametrize(
    ("set_aside", "wrong"),
    [
        (False, ["user.unsubscribed_from_sms"]),
        (True, ["Account Removed User", "Push Notification Bounced"]),
    ],
)
def test_roles_of_public_schemas_are_read_from_their_names(set_aside: bool, wrong: list[str]) -> None:
    first = [schema for schema in read_schemas() if not schema.get("later")]
    schemas = [schema for schema in first if schema.get("set_aside", False) is set_aside]
    assert [name for _, name, _, _ in wrong_names(schemas)] == wrong
    assert all(labelled and recall >= GOALS["recall"] for labelled, _, recall in score(schemas).values())


def test_errors_of_schemas_that_were_collected_later_are_read_from_their_names() -> None:
    later = [schema for schema in read_schemas() if schema.get("later")]
    assert sum(len(names) for schema in later for names in schema.values() if isinstance(names, list)) >= 150
    labelled, precision, recall = score(later)["error"]
    assert labelled >= 16 and precision >= GOALS["precision"] and recall >= GOALS["recall"]


@pytest.mark.parametrize(
    ("action", "role", "decided_by"),
    [
        ("A_APPROVED", "goal", "system"),
        ("appointment missed", "bad_end", "user"),
        ("MissedLesson", "bad_end", "user"),
        ("no_show", "bad_end", "user"),
        ("appointment_no_show", "bad_end", "user"),
        ("Termin verpasst", "bad_end", "user"),
        ("afspraak gemist", "bad_end", "user"),
        ("rendez-vous manqué", "bad_end", "user"),
        ("cita perdida", "bad_end", "user"),
        ("consulta perdida", "bad_end", "user"),
        ("appuntamento mancato", "bad_end", "user"),
        ("nicht erschienen", "bad_end", "user"),
        ("trial_expired", "bad_end", "system"),
        ("card_expired", "error", "system"),
        ("panier abandonné", "bad_end", "user"),
        ("winkelwagen verlaten", "bad_end", "user"),
        ("AbandonedCart", "bad_end", "user"),
        ("A_DECLINED", "bad_end", "system"),
        ("A_CANCELLED", "bad_end", "user"),
        ("payment_done", "goal", "user"),
        ("payment_error", "error", "system"),
        ("lost", "bad_end", "user"),
        ("help_open", "help", "user"),
        ("$rageclick", "error", "system"),
        ("$pageview", "navigation", "user"),
        ("$feature_flag_called", "system", "system"),
        ("[Shop] Order Completed", "goal", "user"),
        ("/checkout/payment-failed", "error", "system"),
        ("order.cancelled", "bad_end", "user"),
        ("Bestelling geplaatst", "goal", "user"),
        ("Aanvraag afgewezen", "bad_end", "system"),
        ("Zahlung fehlgeschlagen", "error", "system"),
        ("Kündigung", "bad_end", "user"),
        ("pedido cancelado", "bad_end", "user"),
        ("Compra realizada", "goal", "user"),
        ("Réclamation", "help", "user"),
        ("Vertrag gekündigt", "bad_end", "user"),
        ("vertrag_gekuendigt", "bad_end", "user"),
        ("Bestellung storniert", "bad_end", "user"),
        ("abonnement opgezegd", "bad_end", "user"),
        ("Désabonnement", "bad_end", "user"),
        ("Suscripción anulado", "bad_end", "user"),
        ("assinatura cancelada", "bad_end", "user"),
        ("Disdetta inviata", "bad_end", "user"),
        ("Mahnung", "system", "system"),
        ("2. Mahnung verschickt", "system", "system"),
        ("Zahlungserinnerung", "system", "system"),
        ("betalingsherinnering", "system", "system"),
        ("Sollecito di pagamento", "system", "system"),
        ("payment reminder", "system", "system"),
    ],
)
def test_words_of_a_name_give_role_and_who_decides(action: str, role: str, decided_by: str) -> None:
    meaning = read_name(action)
    assert (meaning.role, meaning.decided_by) == (role, decided_by)
    assert meaning.means


@pytest.mark.parametrize(
    "action",
    [
        "offset_changed",
        "Kündigungsfrist",
        "Stornoregeln",
        "Mahnungswesen",
        "approvals_list",
        "paidea_open",
        "helper_text",
        "cancel_button_clicked",
        "terrorism",
        "buyer_profile",
    ],
)
def test_words_are_whole(action: str) -> None:
    assert read_name(action).role not in ("goal", "bad_end", "error", "help")


@pytest.mark.parametrize(
    "action",
    [
        "no_results",
        "show_no_results",
        "show_more",
        "missed_call",
        "link_expired",
        "invitation_expired",
        "leave_absence_request",
    ],
)
def test_what_only_sounds_like_a_bad_end_is_none(action: str) -> None:
    assert read_name(action).role != "bad_end"
