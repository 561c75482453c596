"""Units of time: all features reckon in whole microseconds."""

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
