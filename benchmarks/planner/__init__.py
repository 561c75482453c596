"""What the planner's numbers are worth: formulas, power, durations and overlaps, measured.

`python -m benchmarks.planner` prints everything; the last table is kept in README.md beside this file.
"""
