"""A shop's log: buyers, users whose card is refused, users who go back and forth, and users who only look."""

from tests.grupa_pipeline.features.logs import Event

BUYERS, REFUSED, CIRCLING, LOOKING = 30, 20, 20, 20
USERS = BUYERS + REFUSED + CIRCLING + LOOKING
GOAL = "order_completed"


def shop_events() -> list[Event]:
    """Events of all users in the order of their names; each group's users do the same, an hour later each day."""
    events: list[Event] = []
    for number in range(USERS):
        user, day = f"u{number:03d}", number % 7
        events += [(user, f"{day} {time}", action) for time, action in _story(number)]
    return events


def group_of(number: int) -> str:
    """The group of a user by number."""
    if number < BUYERS:
        return "C01"
    return "C02" if number < BUYERS + REFUSED else "C03" if number < BUYERS + REFUSED + CIRCLING else "unassigned"


def _story(number: int) -> list[tuple[str, str]]:
    group = group_of(number)
    begin = [("10:00", "item_seen")]
    if group == "unassigned":
        return [*begin, ("10:01", "item_seen")]
    begin.append(("10:05", "cart_filled"))
    if group == "C03":
        return [*begin, *((f"10:{6 + n:02d}", ("item_seen", "cart_filled")[n % 2]) for n in range(8))]
    if group == "C02":
        return [*begin, ("11:05", "card_typed"), ("11:06", "payment_error")]
    paid = [*begin, ("11:05", "card_typed"), ("11:10", GOAL)]
    return [*paid[:-1], ("11:06", "payment_error"), ("11:10", GOAL)] if number < 3 else paid
