"""From events to one row of numbers a user: what each of them does, how often, in what order and how it ends.

Every feature is an Ibis expression, so that the same definition runs on any engine behind `engine.py`. No clustering,
no files, no Dagster: `build.build_features` takes a table of events and gives Arrow tables back.
"""
