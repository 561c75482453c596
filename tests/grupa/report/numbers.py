"""Every number that the tables of one snapshot hold, to find again what a report, a digest or an answer says."""

from datetime import date

import duckdb

TABLES = ("segmentations", "clusters", "cluster_evidence", "journey_steps", "journey_paths", "cluster_insights")


def table_numbers(con: duckdb.DuckDBPyConnection, day: date) -> set[float]:
    """The numbers in the columns of the snapshot's tables, and the goal rates by group, rounded to nine places."""
    found: set[float] = set()
    for table in TABLES:
        rows = con.execute(f"SELECT * FROM {table} WHERE snapshot_date = ?", [day]).fetchall()
        found |= {round(float(cell), 9) for row in rows for cell in row if isinstance(cell, int | float)}
    goals = con.execute(
        "SELECT feature FROM feature_catalog WHERE role = 'outcome' AND metric_kind = 'proportion'"
    ).fetchall()
    for (goal,) in goals:
        rates = con.execute(
            f'SELECT avg("{goal}") FROM user_features JOIN user_clusters USING (snapshot_date, user_id)'
            " WHERE snapshot_date = ? GROUP BY GROUPING SETS ((cluster_id), ())",
            [day],
        ).fetchall()
        found |= {round(rate, 9) for (rate,) in rates if rate is not None}
    return found
