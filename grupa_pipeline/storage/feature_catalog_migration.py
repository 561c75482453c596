"""Family and subject of the features of catalogs that earlier releases wrote, from their other columns.

Schema version 1 held neither: a feature's family was part of its name alone. Used by one migration, and for Parquet files
of that version.
"""

import pyarrow as pa

from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.tables import FEATURE_CATALOG

_ACTIVITY = """'sessions_per_week', 'events_per_session', 'minutes_per_session', 'active_days_share', 'median_gap_days',
    'days_since_last_event', 'events_total', 'first_seen_day', 'last_seen_day'"""
_PROPOSALS = """'proposals_created_per_week', 'proposals_submitted_per_week', 'proposals_revised_per_week',
    'proposals_withdrawn_per_week', 'proposals_abandoned_per_week', 'proposal_submit_share', 'hours_to_submit',
    'abandoned_a_proposal'"""

# Outcomes come first: the name of an outcome's rate starts with the log's own name for it, which may look like another prefix.
FAMILY = f"""CASE
    WHEN role = 'outcome' AND metric_kind = 'proportion' THEN 'outcome_had'
    WHEN role = 'outcome' AND metric_kind = 'mean' THEN 'outcome_rate'
    WHEN role = 'outcome' THEN 'outcome_per_proposal'
    WHEN feature IN ({_ACTIVITY}) THEN 'activity'
    WHEN feature IN ({_PROPOSALS}) THEN 'proposals'
    WHEN feature IN ('feature_uses_per_week', 'features_used', 'feature_concentration') THEN 'feature_usage'
    WHEN starts_with(feature, 'share_') THEN 'action_share'
    WHEN starts_with(feature, 'did_') THEN 'action_done'
    WHEN starts_with(feature, 'feature_share_') THEN 'feature_share'
    WHEN starts_with(feature, 'used_') THEN 'feature_used'
    WHEN starts_with(feature, 'path_') THEN 'path'
    WHEN starts_with(feature, 'hours_') THEN 'time_between'
END"""
"""SQL for `family`, over the columns of schema version 1."""

SUBJECT = f"""CASE
    WHEN ({FAMILY}) IN ('action_share', 'action_done', 'outcome_had', 'outcome_rate', 'outcome_per_proposal')
        THEN source_action
    WHEN ({FAMILY}) = 'feature_share' AND starts_with(numerator, 'uses of ')
        THEN substr(numerator, length('uses of ') + 1)
    WHEN ({FAMILY}) = 'feature_used' AND starts_with(numerator, 'users with a use of ')
        THEN substr(numerator, length('users with a use of ') + 1)
END"""
"""SQL for `subject`, likewise."""


def with_families(catalog: pa.Table) -> pa.Table:
    """`catalog` with today's columns: as it is, or with family and subject filled where an earlier release wrote it."""
    if "family" in catalog.column_names:
        return catalog
    with open_duckdb() as con:
        con.register("catalog", catalog)
        filled = con.sql(f"SELECT *, {FAMILY} AS family, {SUBJECT} AS subject FROM catalog").to_arrow_table()
    return filled.select(list(FEATURE_CATALOG.column_names)).replace_schema_metadata(catalog.schema.metadata)
