"""Calls callback functions as Dash would call them for one component."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dash._callback_context import context_value
from dash._utils import AttributeDict


@contextmanager
def triggered_by(component_id: str | dict[str, str], prop: str = "n_clicks") -> Iterator[None]:
    """Within the block `ctx.triggered_id` is `component_id`."""
    name = component_id if isinstance(component_id, str) else json.dumps(component_id, sort_keys=True)
    inputs: list[dict[str, Any]] = [{"prop_id": f"{name}.{prop}", "value": 1}]
    token = context_value.set(AttributeDict(triggered_inputs=inputs))
    try:
        yield
    finally:
        context_value.reset(token)
