"""Reads log files and writes events, independent of Dagster and the warehouse. Entry point: `ingest.ingest_files`."""
