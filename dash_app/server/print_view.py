"""The page to print: the briefs of plans, their Markdown made into headings, tables and paragraphs.

Knows only the Markdown that `planning/brief.py` writes; everything in it is escaped.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from dash_app.planning.plan import Plan

_STYLE = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #16181d; background: #fff;
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 0; } h3 { margin: 1.2rem 0 0.2rem; font-size: 1rem; } p { margin: 0.2rem 0; }
table { border-collapse: collapse; width: 100%; }
td, th { border: 1px solid #c6cbd6; padding: 4px 8px; text-align: left; vertical-align: top; }
article { border-top: 2px solid #16181d; padding-top: 1rem; margin-top: 2rem; break-inside: auto; }
@media print { body { margin: 0; max-width: none; } article { border: 0; break-after: page; } }
"""
_RULE = re.compile(r"^\|[-|]+\|$")
_CELLS = re.compile(r"(?<!\\)\|")


def page(plans: Sequence[Plan]) -> str:
    """The whole page, one plan a sheet."""
    articles = "".join(f"<article>{''.join(_blocks(plan.brief))}</article>" for plan in plans)
    head = f'<meta charset="utf-8"><title>Test roadmap</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>Test roadmap</h1>'
        f"{articles or '<p>No plans.</p>'}</main></body></html>"
    )


def _blocks(brief: str) -> Iterator[str]:
    """The brief's blocks as HTML, in order."""
    lines = [line for line in brief.splitlines() if line.strip()]
    for is_table, group in groupby(lines, key=lambda line: line.startswith("|")):
        if is_table:
            yield _table([line for line in group if not _RULE.match(line)])
        else:
            yield from map(_line, group)


def _line(line: str) -> str:
    if line.startswith("## "):
        return f"<h3>{_plain(line[3:])}</h3>"
    if line.startswith("# "):
        return f"<h2>{_plain(line[2:])}</h2>"
    return f"<p>{_plain(line.strip('*') if line.startswith('*') else line)}</p>"


def _table(lines: Sequence[str]) -> str:
    """A table; its first row is the head unless that is empty."""
    rows = [[_plain(cell.strip()) for cell in _CELLS.split(line)[1:-1]] for line in lines]
    head = "".join(f'<th scope="col">{cell}</th>' for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if any(rows[0]) else ''}<tbody>{body}</tbody></table>"


def _plain(text: str) -> str:
    """Text without Markdown's backslashes and backticks, escaped for HTML."""
    return escape(re.sub(r"\\(.)|`", lambda found: found.group(1) or "", text))
