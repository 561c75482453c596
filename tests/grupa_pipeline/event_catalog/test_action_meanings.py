"""Who decides what an action means, what is only proposed, and what is said where no goal is recognised."""

from datetime import datetime
from typing import Any

from grupa_pipeline.event_catalog.action_meanings import ActionDraft, EventCatalog, catalog_rows, goal_note
from grupa_pipeline.event_catalog.history_evidence import ActionOrder, HistoryCounts, HistoryFinding, read_histories
from grupa_pipeline.event_catalog.roles import ActionEntry, Roles
from grupa_pipeline.vocabulary.enums import Role

AT = datetime(2026, 1, 1)


def row_of(
    action: str, roles: Roles, *, found: HistoryFinding | None = None, draft: Role | None = None
) -> dict[str, Any]:
    counted = {"action": action, "users": 50, "events": 60, "first_seen_at": AT, "last_seen_at": AT}
    drafts = {action: ActionDraft(action, "Its label", draft, "One sentence.", "stand-in:model")} if draft else {}
    [row] = catalog_rows([counted], roles, {action: found} if found else {}, drafts)
    return row


END = HistoryFinding(0.8, None, "the last thing for 70% of the users who did it")


def test_a_person_wins_over_the_file_the_file_over_the_name() -> None:
    listed = Roles(goal=("payment_error",))
    assert [row_of("payment_error", Roles())[key] for key in ("role", "source")] == ["error", "name"]
    assert [row_of("payment_error", listed)[key] for key in ("role", "source")] == ["goal", "file"]
    person = Roles(goal=("payment_error",), actions=(ActionEntry("payment_error", Role.STEP),))
    row = row_of("payment_error", person, found=END, draft=Role.GOAL)
    assert [row[key] for key in ("role", "source", "proposed_role")] == ["step", "person", None]


def test_a_model_and_histories_only_propose_outcomes() -> None:
    by_model = row_of("zxcv", Roles(), draft=Role.GOAL)
    assert [by_model[key] for key in ("role", "proposed_role", "proposed_by")] == ["step", "goal", "model"]
    assert (by_model["label"], by_model["meaning"]) == ("Its label", "One sentence.")
    by_data = row_of("zxcv", Roles(), found=END)
    assert [by_data[key] for key in ("role", "source", "proposed_role", "proposed_by")] == [
        "step",
        "data",
        "goal",
        "data",
    ]
    named = row_of("order_completed", Roles(), found=END, draft=Role.BAD_END)
    assert [named[key] for key in ("role", "source", "proposed_role")] == ["goal", "name", "bad_end"]


def test_a_model_decides_on_errors_and_help_where_a_name_says_nothing() -> None:
    assert [row_of("zxcv", Roles(), draft=Role.ERROR)[key] for key in ("role", "source")] == ["error", "model"]
    assert row_of("order_completed", Roles(), draft=Role.ERROR)["role"] == "goal"


def test_what_follows_at_once_is_decided_by_the_system_unless_a_person_says_otherwise() -> None:
    found = HistoryFinding(0.0, "sent", "follows “sent” within two seconds")
    assert row_of("zxcv", Roles(), found=found)["decided_by"] == "system"
    person = Roles(actions=(ActionEntry("zxcv", Role.STEP),))
    assert row_of("zxcv", person, found=found)["decided_by"] == "user"


def test_histories_show_ends_milestones_and_followers() -> None:
    counts = [
        HistoryCounts("browse", 1000, 9000, 50, 100, 700.0),
        HistoryCounts("finish", 300, 300, 300, 280, 30.0),
        HistoryCounts("give up", 300, 305, 295, 270, 30.0),
        HistoryCounts("stamp", 900, 900, 900, 5, 90.0),
        HistoryCounts("rare", 5, 5, 5, 5, 0.5),
    ]
    orders = [
        ActionOrder("browse", "finish", 300, 300, 0),
        ActionOrder("browse", "give up", 300, 299, 0),
        ActionOrder("browse", "stamp", 900, 895, 890),
    ]
    found = read_histories(counts, orders, 1000)
    assert found["stamp"].follows_at_once == "browse" and not found["stamp"].likeness_of_goal
    assert found["finish"].likeness_of_goal > 0.5 and "93%" in found["finish"].reason
    assert "give up" in found["finish"].reason, "the two exclude each other"
    assert not found["browse"].likeness_of_goal and not found["rare"].likeness_of_goal


def test_a_sign_up_that_everybody_begins_with_is_no_goal() -> None:
    counts = [
        HistoryCounts("Account Created", 980, 980, 980, 20, 60.0, first=930),
        HistoryCounts("Profile Completed", 960, 960, 960, 5, 60.0, first=0),
        HistoryCounts("Course Purchased", 200, 220, 185, 40, 20.0, first=0),
        HistoryCounts("Signed Up", 300, 300, 300, 0, 30.0, first=100),
        HistoryCounts("Order Completed", 1000, 1000, 1000, 900, 100.0, first=850),
        HistoryCounts("Purchase", 990, 4000, 100, 300, 300.0, first=850),
    ]
    found = read_histories(counts, [], 1000)
    rows = {action: row_of(action, Roles(), found=found[action]) for action in found}
    signed_up = rows["Account Created"]
    assert [signed_up[key] for key in ("role", "source", "proposed_role", "goal_likeness")] == [
        "step",
        "data",
        None,
        0.0,
    ]
    assert "a new account; but it is the first thing that 95% of its users do" in signed_up["reason"]
    assert found["Profile Completed"].milestone.startswith("96% of all users do it once")
    # Later than the first thing, the end of histories, or done again and again: these may be aimed at.
    assert [rows[name]["role"] for name in ("Course Purchased", "Signed Up", "Order Completed", "Purchase")] == [
        "goal"
    ] * 4
    for roles, source in ((Roles(goal=("Account Created",)), "file"), (said_goal("Account Created"), "person")):
        row = row_of("Account Created", roles, found=found["Account Created"])
        assert (row["role"], row["source"]) == ("goal", source)


def said_goal(action: str) -> Roles:
    return Roles(actions=(ActionEntry(action, Role.GOAL),))


def test_no_goal_is_said_where_the_only_one_is_a_milestone() -> None:
    start = HistoryFinding(0.0, None, "", "it is the first thing that 95% of its users do")
    rows = [row_of("Account Created", Roles(), found=start), row_of("zxcv", Roles(), found=END)]
    assert "No goal" in str(goal_note(rows)) and "zxcv" in str(goal_note(rows))
    both = catalog_rows(
        [{**rows[0], "action": "Account Created"}, {**rows[1], "action": "zxcv"}],
        Roles(),
        {"Account Created": start, "zxcv": END},
        {},
    )
    assert [row["proposed_role"] for row in both] == [None, "goal"], "another goal is proposed in its place"


def test_no_goal_is_said_with_the_two_likeliest() -> None:
    likeness = {"aa": 0.4, "bb": 0.9, "cc": 0.6}
    rows = [row_of(name, Roles(), found=HistoryFinding(score, None, "x")) for name, score in likeness.items()]
    sentence = str(goal_note(rows))
    assert "No goal" in sentence and "“bb” and “cc”" in sentence and "“aa”" not in sentence
    assert goal_note([*rows, row_of("order_completed", Roles())]) is None


def test_outcomes_that_are_nearly_all_there_is_stay_behaviour() -> None:
    rows = [row_of("purchase", Roles()) | {"events": 980}, row_of("login", Roles()) | {"events": 20}]
    catalog = EventCatalog.of(rows, Roles())
    assert catalog.assign(["purchase", "login", "payment_error"]) == {"payment_error": "error"}
    assert catalog.role_of("purchase") == "goal" and "count as behaviour" in str(goal_note(rows))
    usual = EventCatalog.of([row | {"events": 500} for row in rows], Roles())
    assert usual.assign(["purchase"]) == {"purchase": "goal"}
    assert usual.assignment_sha256() != catalog.assignment_sha256()


def roles_of(**users: int) -> dict[str, str]:
    counted = [
        {"action": name, "users": number, "events": number, "first_seen_at": AT, "last_seen_at": AT}
        for name, number in users.items()
    ]
    return {row["action"]: row["role"] for row in catalog_rows(counted, Roles(), {}, {})}


def test_opening_a_ticket_is_no_call_for_help_where_the_product_is_about_tickets() -> None:
    desk = roles_of(ticket_open=90, ticket_reopened=20, ticket_assign=50, ticket_solved=80, faq_opened=95, search=100)
    assert (desk["ticket_open"], desk["ticket_reopened"], desk["faq_opened"]) == ("step", "step", "help")
    few_do = roles_of(ticket_open=40, ticket_assign=50, ticket_solved=80, search=100)
    by_itself = roles_of(ticket_open=90, cart_filled=80, item_seen=100)
    assert few_do["ticket_open"] == by_itself["ticket_open"] == "help"


def test_people_decide_what_is_help_whatever_most_users_do() -> None:
    counted = {"users": 90, "events": 90, "first_seen_at": AT, "last_seen_at": AT}
    actions = [{"action": name} | counted for name in ("ticket_open", "ticket_assign", "ticket_solved")]
    rows = catalog_rows(actions, Roles(actions=(ActionEntry("ticket_open", Role.HELP),)), {}, {})
    assert rows[0]["role"] == "help"
