"""Fills `clusters.rule_conditions` in files of schema version 1, which held a rule as text only. Used by one migration.

A text counts as understood when its conditions, applied to the features stored for the snapshot, give the stored
`rule_f1`; otherwise the conditions stay NULL.
"""

import re
from collections.abc import Mapping
from datetime import date
from math import isclose
from pathlib import Path

import duckdb

from grupa_pipeline.sql import exactly, quoted
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, Rule, rule_to_json, short_description

_NO_RULE = "no short rule picks out its users"
NameAndUnit = tuple[str, str]
"""A feature's name and unit."""


def fill_rule_conditions(con: duckdb.DuckDBPyConnection) -> None:
    """Fill the conditions of every cluster whose text can be read back and whose snapshot's users are still stored."""
    rows = con.execute(
        "SELECT snapshot_date, cluster_id, rule, rule_f1 FROM clusters WHERE rule IS NOT NULL AND rule_f1 IS NOT NULL"
        " ORDER BY ALL"
    ).fetchall()
    for day in sorted({row[0] for row in rows}):
        files = _published_files(con, day)
        catalog = _catalog(con, files.get("feature_catalog"))
        for _, cluster_id, text, rule_f1 in (row for row in rows if row[0] == day):
            rule = parse_rule(text, catalog)
            if rule is not None and isclose(_f1(con, rule, files, cluster_id), rule_f1, abs_tol=1e-12):
                con.execute(
                    "UPDATE clusters SET rule_conditions = ? WHERE snapshot_date = ? AND cluster_id = ?",
                    [rule_to_json(rule), day, cluster_id],
                )


def _published_files(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, Path]:
    """The Parquet files of a snapshot that are still there, by table."""
    [(database,)] = con.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    if database is None:
        return {}
    folder = Path(database).resolve().parent.parent  # <warehouse>/versions/<file>
    rows = con.execute(
        "SELECT table_name, path FROM published_files WHERE day = ? AND path IS NOT NULL AND table_name <> 'events'",
        [day],
    ).fetchall()
    return {table: folder / path for table, path in rows if (folder / path).is_file()}


def _catalog(con: duckdb.DuckDBPyConnection, file: Path | None) -> dict[str, NameAndUnit]:
    """Features by the words that rules use for them."""
    source = f"read_parquet({exactly(file)})" if file else "feature_catalog"
    rows = con.execute(f"SELECT feature, description, unit FROM {source} ORDER BY feature").fetchall()
    return {short_description(description): (feature, unit) for feature, description, unit in rows if description}


def parse_rule(text: str, catalog: Mapping[str, NameAndUnit]) -> Rule | None:
    """The rule behind `description: more than 4 unit and description: at most 20%; or ...`; None when it is another text."""
    if text == _NO_RULE:
        return ()
    names = "|".join(re.escape(each) for each in sorted(catalog, key=len, reverse=True))
    condition = re.compile(rf"({names}): (more than|at most) (-?[\d.]+(?:e[+-]?\d+)?)(%?)")
    rule = []
    for words in text.split("; or "):
        alternative = []
        position = 0
        while match := condition.match(words, position):
            feature, unit = catalog[match[1]]
            comparison = Comparison.MORE_THAN if match[2] == "more than" else Comparison.AT_MOST
            alternative.append(Condition(feature, comparison, float(match[3]) / (100 if match[4] else 1)))
            position = match.end()
            for separator in (f" {unit}" if unit else "", " and "):
                position += len(separator) if words.startswith(separator, position) else 0
        if position < len(words) or not alternative:
            return None
        rule.append(tuple(alternative))
    return tuple(rule)


def _f1(con: duckdb.DuckDBPyConnection, rule: Rule, files: Mapping[str, Path], cluster_id: str) -> float:
    """F1 of a rule among the stored users of a snapshot; NaN when they, or a feature, are not stored."""
    if not rule:
        return 0.0
    if not {"user_features", "user_clusters"} <= files.keys():
        return float("nan")
    matched = " OR ".join(
        f"({' AND '.join(_condition_sql(condition) for condition in alternative)})" for alternative in rule
    )
    try:
        [(hits, matching, members)] = con.execute(
            f"""SELECT count(*) FILTER (matched AND member), count(*) FILTER (matched), count(*) FILTER (member) FROM (
                  SELECT {matched} AS matched, coalesce(c.cluster_id = ?, false) AS member
                  FROM read_parquet({exactly(files["user_features"])}) f
                  LEFT JOIN read_parquet({exactly(files["user_clusters"])}) c USING (user_id))""",
            [cluster_id],
        ).fetchall()
    except duckdb.BinderException:  # a feature that this snapshot does not have
        return float("nan")
    return float(2 * hits / max(matching + members, 1))


def _condition_sql(condition: Condition) -> str:
    column = 'f."{}"'.format(condition.feature.replace('"', '""'))
    threshold = f"{quoted(repr(condition.threshold))}::DOUBLE"
    return f"coalesce(NOT isnan({column}) AND {column} {condition.comparison} {threshold}, false)"
