from grupa_pipeline.features.action_columns import MAX_ACTIONS, STAY_RANK, choose_actions

FIFTY = [(f"a{number:02}", 100 - number) for number in range(50)]


def test_the_commonest_come_in_by_name() -> None:
    assert choose_actions([("b", 50), ("a", 40), ("rare", 0)], 100, []) == ["a", "b"]


def test_at_most_thirty() -> None:
    assert choose_actions(FIFTY, 100, []) == [f"a{number:02}" for number in range(MAX_ACTIONS)]


def test_one_percent_of_users_to_come_in_half_of_it_to_stay() -> None:
    ranked = [("common", 500), ("was_in", 6), ("new", 6), ("gone", 4)]
    assert choose_actions(ranked, 1000, ["was_in", "gone", "never_seen"]) == ["was_in", "common"]


def test_an_action_stays_until_it_is_clearly_uncommon() -> None:
    stays, leaves = f"a{STAY_RANK - 1:02}", f"a{STAY_RANK:02}"
    chosen = choose_actions(FIFTY, 100, [leaves, stays])
    assert stays in chosen
    assert leaves not in chosen
    assert len(chosen) == MAX_ACTIONS
    assert "a29" not in chosen  # its place is taken


def test_what_stays_keeps_its_order_before_what_comes_in() -> None:
    assert choose_actions([("x", 9), ("y", 8), ("a", 7)], 10, ["y", "x"]) == ["y", "x", "a"]
