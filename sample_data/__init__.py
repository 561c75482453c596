"""Seeded generator of a sample event log of Grupa.io: kinds of users with planted pain points.

Independent of the pipeline: its output is a CSV log as users upload it.
"""
