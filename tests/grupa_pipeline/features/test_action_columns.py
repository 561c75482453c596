from grupa_pipeline.features.action_columns import MAX_ACTIONS, STAY_RANK, choose_actions

FIFTY = [(f"a{number:02}", 100 - number) for number in range(50)]


def test_the_commonest_actions_get_columns_in_order_of_name() -> None:
    assert choose_actions([("b", 50), ("a", 40), ("rare", 0)], 100, []) == ["a", "b"]


def test_at_most_thirty_actions_get_columns() -> None:
    assert choose_actions(FIFTY, 100, []) == [f"a{number:02}" for number in range(MAX_ACTIONS)]


def test_an_action_enters_at_one_percent_of_users_and_stays_above_half_of_that() -> None:
    ranked = [("common", 500), ("was_in", 6), ("new", 6), ("gone", 4)]
    assert choose_actions(ranked, 1000, ["was_in", "gone", "never_seen"]) == ["was_in", "common"]


def test_an_action_stays_until_it_is_clearly_uncommon() -> None:
    stays, leaves = f"a{STAY_RANK - 1:02}", f"a{STAY_RANK:02}"
    chosen = choose_actions(FIFTY, 100, [leaves, stays])
    assert stays in chosen
    assert leaves not in chosen
    assert len(chosen) == MAX_ACTIONS
    assert "a29" not in chosen  # its place is taken


def test_actions_that_stay_keep_their_order_before_new_ones() -> None:
    assert choose_actions([("x", 9), ("y", 8), ("a", 7)], 10, ["y", "x"]) == ["y", "x", "a"]
