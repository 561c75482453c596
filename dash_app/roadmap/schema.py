"""The schema of `roadmap.duckdb`: its tables with comments and constraints, and the migrations from older versions.

Works on an open connection: `store.py` calls it inside a publish. The columns of a plan are those of
`grupa_pipeline/vocabulary/plan_fields.py`.
"""

from enum import StrEnum

import duckdb

from grupa_pipeline.storage.migrations import SchemaVersion
from grupa_pipeline.tables import (
    CLUSTER_NAMES,
    INSIGHT_FEEDBACK,
    PLAN_COMMENTS,
    ROADMAP_TABLES,
    SAVED_SEGMENTS,
    TEST_ROADMAP,
    TEST_ROADMAP_HISTORY,
    Table,
)
from grupa_pipeline.vocabulary.enums import Direction, FeedbackVerdict, MetricKind, PlanStatus
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS


def _in(column: str, values: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(_quoted(value) for value in values)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_PLAN_OPTIONAL = {field.name for field in PLAN_FIELDS.values() if field.nullable}
_PLAN_CHECKS = (
    "revision >= 1",
    _in("status", PlanStatus),
    "status <> 'scheduled' OR start_date IS NOT NULL",
    "regexp_full_match(cluster_id, 'C[0-9]{2,}')",
    "length(name) > 0",
    _in("metric_kind", MetricKind),
    _in("direction", Direction),
    "metric_kind <> 'proportion' OR baseline BETWEEN 0 AND 1",
    "metric_kind = 'proportion' OR baseline_sd IS NOT NULL",
    "baseline_sd IS NULL OR baseline_sd >= 0",
    "baseline_n >= 0",
    "baseline_from < baseline_to",
    "exposure_days >= 1",
    "mde_absolute > 0",
    "mde_relative IS NULL OR mde_relative > 0",
    "alpha > 0 AND alpha < 1",
    "power > 0 AND power < 1",
    "sides IN (1, 2)",
    "json_array_length(variants) >= 2",
    "json_array_length(guardrails) >= 1",
    "traffic_share > 0 AND traffic_share <= 1",
    "n_per_arm IS NULL OR n_per_arm > 0",
    "n_total IS NULL OR (n_per_arm IS NOT NULL AND n_total >= n_per_arm)",
    "duration_days IS NULL OR (duration_days > 0 AND duration_days % 7 = 0)",
    "start_date IS NULL OR end_date IS NULL OR start_date <= end_date",
    "rice_reach IS NULL OR rice_reach >= 0",
    "rice_impact IN (0.25, 0.5, 1, 2, 3)",
    "rice_confidence BETWEEN 0 AND 1",
    "rice_effort > 0",
)
_NAME_OPTIONAL = {"name"}
_NAME_CHECKS = ("revision >= 1", "regexp_full_match(cluster_id, 'C[0-9]{2,}')", "name IS NULL OR length(name) > 0")

_COMMENT_CHECKS = ("revision >= 1", "length(text) > 0")
_SEGMENT_OPTIONAL = {"rule", "users", "deleted_at"}
_SEGMENT_CHECKS = (
    "revision >= 1",
    "regexp_full_match(segment_id, 'S[0-9]{2,}')",
    "length(name) > 0",
    "(rule IS NULL) <> (users IS NULL)",
)
_FEEDBACK_OPTIONAL = {"verdict", "text", "evidence_id", "ci_low", "ci_high"}
_FEEDBACK_CHECKS = (
    "revision >= 1",
    "regexp_full_match(cluster_id, 'C[0-9]{2,}')",
    _in("verdict", FeedbackVerdict),
    "text IS NULL OR length(text) > 0",
    "verdict IS DISTINCT FROM 'dismissed' OR text IS NOT NULL",
    "(evidence_id IS NULL) = (ci_low IS NULL) AND (ci_low IS NULL) = (ci_high IS NULL)",
)
_OPTIONAL: dict[Table, set[str]] = {
    TEST_ROADMAP: _PLAN_OPTIONAL,
    TEST_ROADMAP_HISTORY: _PLAN_OPTIONAL,
    CLUSTER_NAMES: _NAME_OPTIONAL,
    PLAN_COMMENTS: set(),
    SAVED_SEGMENTS: _SEGMENT_OPTIONAL,
    INSIGHT_FEEDBACK: _FEEDBACK_OPTIONAL,
}
_CHECKS = {
    TEST_ROADMAP: _PLAN_CHECKS,
    TEST_ROADMAP_HISTORY: _PLAN_CHECKS,
    CLUSTER_NAMES: _NAME_CHECKS,
    PLAN_COMMENTS: _COMMENT_CHECKS,
    SAVED_SEGMENTS: _SEGMENT_CHECKS,
    INSIGHT_FEEDBACK: _FEEDBACK_CHECKS,
}


def _create(con: duckdb.DuckDBPyConnection) -> None:
    for table in ROADMAP_TABLES:
        _create_table(con, table)


def _create_table(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    con.execute(_create_statement(table, _OPTIONAL[table], _CHECKS[table]))
    con.execute(f"COMMENT ON TABLE {table.name} IS {_quoted(table.comment)}")
    for column in table.columns:
        con.execute(f"COMMENT ON COLUMN {table.name}.{column.name} IS {_quoted(column.comment)}")


def _create_statement(table: Table, optional: set[str], checks: tuple[str, ...]) -> str:
    """A check passes on NULL, so columns that must hold a value are NOT NULL beside it."""
    lines = [f"{column.name} {column.type}{'' if column.name in optional else ' NOT NULL'}" for column in table.columns]
    lines += [f"CHECK ({check})" for check in checks]
    lines.append(f"PRIMARY KEY ({', '.join(table.key)})")
    return f"CREATE TABLE {table.name} ({', '.join(lines)})"


def _to_version_2(con: duckdb.DuckDBPyConnection) -> None:
    """Plans record from which users their baseline was taken; NULL for plans of version 1."""
    comment = _quoted(PLAN_FIELDS["baseline_users"].comment)
    for table in (TEST_ROADMAP, TEST_ROADMAP_HISTORY):
        con.execute(f"ALTER TABLE {table.name} ADD COLUMN baseline_users VARCHAR")
        con.execute(f"COMMENT ON COLUMN {table.name}.baseline_users IS {comment}")


_VERSION_3 = (*list(PLAN_FIELDS)[list(PLAN_FIELDS).index("audience") : list(PLAN_FIELDS).index("caution") + 1],)


def _to_version_3(con: duckdb.DuckDBPyConnection) -> None:
    """Plans say who takes part, how they are read and what came of them; people comment on them."""
    for table in (TEST_ROADMAP, TEST_ROADMAP_HISTORY):
        for name in _VERSION_3:
            field = PLAN_FIELDS[name]
            con.execute(f"ALTER TABLE {table.name} ADD COLUMN {name} {field.sql_type}")
            con.execute(f"COMMENT ON COLUMN {table.name}.{name} IS {_quoted(field.comment)}")
    _create_table(con, PLAN_COMMENTS)


def _to_version_4(con: duckdb.DuckDBPyConnection) -> None:
    """Comments are written."""
    con.execute(f"COMMENT ON TABLE {PLAN_COMMENTS.name} IS {_quoted(PLAN_COMMENTS.comment)}")


def _to_version_5(con: duckdb.DuckDBPyConnection) -> None:
    """People save segments."""
    _create_table(con, SAVED_SEGMENTS)


def _to_version_6(con: duckdb.DuckDBPyConnection) -> None:
    """People say what they think of insights."""
    _create_table(con, INSIGHT_FEEDBACK)


CURRENT = SchemaVersion(
    "roadmap.duckdb", _create, (_to_version_2, _to_version_3, _to_version_4, _to_version_5, _to_version_6)
)
"""The current schema version. To change it, add a step here and freeze the new version:
`python -m tests.grupa_pipeline.storage.released` writes the file."""
