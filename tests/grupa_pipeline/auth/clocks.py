"""A clock that tests set."""


class Clock:
    """Stands still at an instant of 2026, in seconds, until a test moves `now`."""

    def __init__(self) -> None:
        self.now = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now
