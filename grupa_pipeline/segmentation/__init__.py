"""Segmentation: from a table of features to validated clusters, a map, stable ids and rules.

Pure functions on tables and arrays: they read no files, no warehouse, no environment and no clock.
"""
