"""Columns of numbers that stand for texts. Imports nothing: whoever takes the run lock imports this."""

KEYS = {"user_key": "user_id", "action_key": "action"}
"""Key columns and the text that each stands for: a number where the engine is faster with numbers."""
