"""Reads log files and writes events; knows neither Dagster nor the warehouse. `ingest.ingest_files` is the entry point."""
