"""Units of time, in whole microseconds."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
IDLE = 30 * MINUTE
"""A session ends when nothing happens for longer than this."""
