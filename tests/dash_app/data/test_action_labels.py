from dash_app.data.action_labels import ActionLabels


def test_actions_that_differ_in_their_prefix_alone_keep_it():
    labels = ActionLabels.of([("A_ACCEPTED", None), ("O_ACCEPTED", "O accepted"), ("A_ACTIVATED", "A activated")])
    assert [labels.label(each) for each in ("A_ACCEPTED", "O_ACCEPTED", "A_ACTIVATED")] == [
        "A accepted",
        "O accepted",
        "activated",
    ]


def test_what_a_person_wrote_is_the_label_and_an_unknown_action_is_its_words():
    labels = ActionLabels.of([("proposal_view", "Looks at a proposal")])
    assert labels.label("proposal_view") == "Looks at a proposal"
    assert labels.label("deal_complete") == "deal complete"


def test_text_has_whole_names_replaced_the_longest_first():
    labels = ActionLabels.of(
        [("proposal_view", None), ("proposal_view_again", None), ("search", "looks for something")]
    )
    text = "from proposal_view to proposal_view_again, not proposal_viewer"
    assert labels.in_text(text, ["proposal_view", "proposal_view_again"]) == (
        "from proposal view to proposal view again, not proposal_viewer"
    )
    assert labels.in_prose(f"They search; {text}") == (
        "They search; from proposal view to proposal view again, not proposal_viewer"
    )
    assert ActionLabels().in_prose("as it_is") == "as it_is"
