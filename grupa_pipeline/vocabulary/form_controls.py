"""Form controls as plain data: the app builds components from them and parses edits with them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TextControl:
    """A text field; `lines` is the height of an empty one, and 0 allows a single line only."""

    label: str
    lines: int = 0


@dataclass(frozen=True)
class NumberControl:
    """A number; one that is a `percent` is stored as a share (0.4) and edited as a percentage (40)."""

    label: str
    minimum: float
    maximum: float | None = None
    step: float | None = None
    suffix: str = ""
    percent: bool = False
    debounce_ms: int = 400


@dataclass(frozen=True)
class ChoiceControl:
    """One of `choices`: the stored value, written as text, to its label."""

    label: str
    choices: Mapping[str, str]


@dataclass(frozen=True)
class DayControl:
    """A day, which may be left out."""

    label: str


Control = TextControl | NumberControl | ChoiceControl | DayControl
