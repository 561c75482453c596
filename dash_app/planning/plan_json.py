"""Dataclasses as JSON and back, for the columns of a plan that hold them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def to_json_text(value: Any) -> str:
    """A dataclass, or a tuple of them, as JSON; days are ISO 8601."""
    plain = [asdict(item) for item in value] if isinstance(value, tuple) else asdict(value)
    return json.dumps(plain, ensure_ascii=False, default=lambda day: day.isoformat())


def from_json_text(hint: Any, text: str) -> Any:
    """What `to_json_text` wrote, as a value of type `hint`."""
    return _build(hint, json.loads(text))


def _build(hint: Any, value: Any) -> Any:
    if isinstance(hint, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
        return None if value is None else _build(hint, value)
    if get_origin(hint) is tuple:
        return tuple(_build(get_args(hint)[0], item) for item in value)
    if is_dataclass(hint):
        return _build_dataclass(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return date.fromisoformat(value) if hint is date else value


def _build_dataclass(cls: Any, values: Mapping[str, Any]) -> Any:
    hints = get_type_hints(cls)
    return cls(**{name: _build(hints[name], value) for name, value in values.items()})
