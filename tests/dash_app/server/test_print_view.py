from dataclasses import replace

from dash_app.planning.sizing import size_plan
from dash_app.server import print_view
from tests.dash_app.planning.plans import Steady, a_plan


def test_a_brief_is_printed_with_headings_and_tables_and_without_its_markdown():
    page = print_view.page([size_plan(a_plan(), Steady(500)).plan])
    assert page.count("<article>") == 1
    for expected in ("<h3>Decision rule</h3>", '<th scope="col">arm</th>', "<td>Duration</td>", "p &lt; 0.05"):
        assert expected in page
    body = page.split("<body>")[1]
    assert not any(sign in body for sign in ("## ", "|---", "`", "\\"))


def test_what_people_wrote_is_text_there_and_nothing_else():
    nasty = "<script>alert(1)</script> | *a* `b` \\"
    plan = size_plan(replace(a_plan(), name=nasty, hypothesis=nasty), Steady(500)).plan
    body = print_view.page([plan]).split("<body>")[1]
    assert "<script" not in body
    assert "<h2>&lt;script&gt;alert(1)&lt;/script&gt; | *a* b \\</h2>" in body.replace("`b`", "b")


def test_an_empty_roadmap_prints_a_sentence():
    assert "<p>No plans.</p>" in print_view.page([])
