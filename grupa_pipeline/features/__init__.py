"""Features of each user, computed from events: what they do, how often, in what order, and how it ends.

Every feature is an Ibis expression over `aggregates`, so the same definition runs on any engine. Pure: no clustering, no
files, no Dagster. `build.build_features` takes a table of events and returns Arrow tables.
"""
