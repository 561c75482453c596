"""What changed since the last digest, as a few lines that are sent to people; no Dagster, no web framework."""
