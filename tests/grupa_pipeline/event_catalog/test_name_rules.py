"""What names of actions say: of public schemas, of known logs, in other languages."""

import pytest

from benchmarks.event_catalog.__main__ import GOALS, read_schemas, score, wrong_names
from grupa_pipeline.event_catalog.name_rules import read_name

FIRST_SCHEMAS = {
    "segment_ecommerce",
    "segment_b2b_saas",
    "ga4",
    "posthog",
    "stripe",
    "shopify",
    "revenuecat",
    "intercom",
    "docusign",
    "appsflyer",
    "meta_pixel",
    "sendgrid",
    "segment_live_chat_mobile",
    "paddle",
}


def test_roles_of_public_schemas_are_read_from_their_names() -> None:
    tuned_on = [schema for schema in read_schemas() if not schema.get("set_aside")]
    assert all(
        labelled and precision >= GOALS["precision"] and recall >= GOALS["recall"]
        for labelled, precision, recall in score(tuned_on).values()
    )


def test_names_that_are_read_otherwise_than_they_are_labelled_are_known() -> None:
    first = [schema for schema in read_schemas() if schema["name"] in FIRST_SCHEMAS]
    assert [name for _, name, _, _ in wrong_names(first)] == ["Account Removed User", "Push Notification Bounced"]


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
        ("emailUnSubscribe", "bad_end", "user"),
        ("unsubscribed from sms", "bad_end", "user"),
        ("auto_renew_disabled", "bad_end", "user"),
        ("order_returned", "bad_end", "user"),
        ("payment_link.expired", "bad_end", "system"),
        ("paymentfailed", "error", "system"),
        ("Zahlungsfehler", "error", "system"),
        ("invoice overdue", "error", "system"),
        ("subscription_went_past_due", "error", "system"),
        ("report_a_bug", "help", "user"),
        ("conversation_created", "help", "user"),
        ("click_help_in_track_order_of_shop", "help", "user"),
        ("call_us_tapped", "help", "user"),
        ("subscription.charged", "goal", "user"),
        ("customer.ordered", "goal", "user"),
        ("OrderPlaced", "goal", "user"),
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
        "Stornofrist",
        "login_cancelled",
        "search_canceled",
        "no_show_deleted",
        "subscription_changes_removed",
        "chargeback_reversed",
        "Group member removed",
    ],
)
def test_what_only_sounds_like_a_bad_end_is_none(action: str) -> None:
    assert read_name(action).role != "bad_end"


@pytest.mark.parametrize(
    "action",
    [
        "Enrolment instance created",
        "invoice.partially_paid",
        "purchase_restored",
        "purchase_screen_close",
        "awaits_approval",
        "dispute.won",
        "AppOpenSignupWindow",
    ],
)
def test_what_only_sounds_like_a_goal_is_none(action: str) -> None:
    assert read_name(action).role != "goal"


@pytest.mark.parametrize("action", ["team_call_started", "ai_conversation_created", "message_team"])
def test_what_only_sounds_like_help_is_none(action: str) -> None:
    assert read_name(action).role != "help"
