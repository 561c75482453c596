"""The page to print: the briefs of plans, rendered from their Markdown.

HTML, links and images in a brief are not rendered but shown as text: briefs contain what people wrote.
"""

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from dash_app.planning.plan import Plan

_STYLE = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #16181d; background: #fff;
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 0; } h3 { margin: 1.2rem 0 0.2rem; font-size: 1rem; } p { margin: 0.2rem 0; } em, code { font: inherit; }
table { border-collapse: collapse; width: 100%; }
td, th { border: 1px solid #c6cbd6; padding: 4px 8px; text-align: left; vertical-align: top; }
article { border-top: 2px solid #16181d; padding-top: 1rem; margin-top: 2rem; break-inside: auto; }
@media print { body { margin: 0; max-width: none; } article { border: 0; break-after: page; } }
"""
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable(["link", "image", "autolink"])
)


def page(plans: Sequence[Plan]) -> str:
    """The whole HTML document, one plan a sheet."""
    articles = "".join(f"<article>{rendered_brief(plan.brief)}</article>" for plan in plans)
    head = f'<meta charset="utf-8"><title>Test roadmap</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>Test roadmap</h1>'
        f"{articles or '<p>No plans.</p>'}</main></body></html>"
    )


def rendered_brief(brief: str) -> str:
    """A brief as HTML, its headings one level lower because the page has a heading of its own."""
    tokens = list(_without_empty_heads(_MARKDOWN.parse(brief)))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + 1}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _without_empty_heads(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens without the heads of tables whose heads are all empty: Markdown has no table without a head."""
    at = 0
    while at < len(tokens):
        if tokens[at].type == "thead_open":
            end = next(place for place in range(at, len(tokens)) if tokens[place].type == "thead_close")
            if not any(token.content for token in tokens[at:end]):
                at = end + 1
                continue
        yield tokens[at]
        at += 1
