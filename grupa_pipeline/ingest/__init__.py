"""Log files in, events out: pure of Dagster and of the warehouse; `ingest.ingest_files` is the front door."""
