"""Formats of what leaves the warehouse."""

from enum import StrEnum


class SegmentFormat(StrEnum):
    """What an exported segment is: its users, or the SQL that picks them."""

    CSV = "csv"
    PARQUET = "parquet"
    SQL = "sql"


class ReportFormat(StrEnum):
    """What a report is written as."""

    HTML = "html"
    PDF = "pdf"
