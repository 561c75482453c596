"""Writes `docs/tables.md` from `tables.py`: `make docs`, or `python -m grupa_pipeline.storage.tables_doc FILE`."""

import sys
from pathlib import Path

from grupa_pipeline.tables import PIPELINE_TABLES, ROADMAP_TABLES, Table

_INTRODUCTION = """# Tables

Generated from `grupa_pipeline/tables.py` by `make docs`; edit that file instead. The same comments are in the database
(`SELECT * FROM duckdb_columns()`). All timestamps are UTC. Open the files read-only, from any folder and for as long as
you like: a run never waits for a reader, and a reader never sees half a snapshot.
"""


def tables_page() -> str:
    """The page as Markdown: both files, their tables, keys, columns, types and comments."""
    parts = [
        _INTRODUCTION,
        _contents("grupa.duckdb", PIPELINE_TABLES),
        _contents("roadmap.duckdb", ROADMAP_TABLES),
        "## `warehouse/grupa.duckdb`, written by the pipeline only\n",
        *(_table(table) for table in PIPELINE_TABLES),
        "## `warehouse/roadmap.duckdb`, written by the app only\n",
        *(_table(table) for table in ROADMAP_TABLES),
    ]
    return "\n".join(parts)


def _contents(file: str, tables: tuple[Table, ...]) -> str:
    links = ", ".join(f"[{table.name}](#{table.name})" for table in tables)
    return f"`{file}`: {links}\n"


def _table(table: Table) -> str:
    lines = [f"### {table.name}\n", f"{table.comment}\n", f"Key: {', '.join(f'`{name}`' for name in table.key)}."]
    if table.open_ended:
        lines.append("Further columns: one `DOUBLE` a feature.")
    lines += ["\n| column | type | meaning |", "|---|---|---|"]
    lines += [f"| `{column.name}` | {column.type} | {_cell(column.comment)} |" for column in table.columns]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(tables_page(), encoding="utf-8")
