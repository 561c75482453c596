"""A seeded generator of Grupa.io behaviour: who its users are, what hurts them, and the log they leave.

Nothing here knows of the pipeline: it writes the CSV that a person would bring.
"""
