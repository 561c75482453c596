"""What users of each cluster go through, in order: funnels, paths, errors and trends, counted in the window's events.

Pure: reads events through `aggregates` and imports no other package of the pipeline but `vocabulary`.
"""
