"""Users into clusters that can be trusted: from a table of features to labels, a map, ids and rules.

Pure functions on tables and arrays. No files, no tables of the warehouse, no environment, no clock: what varies is
passed in.
"""
