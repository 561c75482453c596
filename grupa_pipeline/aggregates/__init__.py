"""Aggregates of events that features are computed from: counts, sessions and their order, per user and range of days.

An `Engine` runs the Ibis expressions (DuckDB or Spark). Aggregates of past days can be cached, so that a new snapshot
reads only the days that are new. Pure: imports no other package of the pipeline but `vocabulary`.
"""
