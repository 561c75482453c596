"""Dash with a check of the user's role before each callback, and without the controls that the user may not use in what it returns.

Roles are declared in `grupa_pipeline/auth/permissions.py`.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from dash import Dash
from dash.development.base_component import Component

from dash_app.server.auth import current_role, require_role
from grupa_pipeline.auth.permissions import CONTROLS, callback_role
from grupa_pipeline.vocabulary.enums import UserRole

_INSIDE = ("children", "data")
"""Properties that hold components: those of a part, and those that a store keeps for the browser."""


class GuardedDash(Dash):
    """A Dash app whose callbacks each ask for the role that is declared for them.

    Attributes:
        callback_names: Names of the callbacks that run on the server, `module.function`, by Dash's key of their outputs.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.callback_names: dict[str, str] = {}
        super().__init__(*args, **options)

    def callback(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Register a callback, as `Dash.callback` does, behind the check of its role."""
        known = set(self.callback_map)
        register = super().callback(*args, **options)
        (key,) = set(self.callback_map) - known

        def guard(function: Callable[..., Any]) -> Any:
            name = callback_name(function)
            self.callback_names[key] = name
            return register(_checked(function, name))

        return guard


def callback_name(function: Callable[..., Any]) -> str:
    """`module.function`, as in `permissions.CALLBACKS`."""
    bare: Any = function.func if isinstance(function, partial) else function
    return f"{bare.__module__.rpartition('.')[2]}.{bare.__name__}"


def _checked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    needed = callback_role(name)

    @wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        require_role(needed, name)
        result, role = function(*args, **options), current_role()
        return result if role == UserRole.ADMIN else permitted(result, role)

    return checked


def permitted(content: Any, role: UserRole) -> Any:
    """`content` with only the controls that `role` may use: buttons are left out, fields and tables are shown but not edited.

    Args:
        content: A component, or lists, tuples and mappings of them; components are changed in place.
        role: What the user may do.

    Returns:
        The content; None in place of a component that is left out.
    """
    if isinstance(content, Component):
        return _permitted_component(content, role)
    if isinstance(content, list | tuple) and any(isinstance(each, Component | list | tuple | dict) for each in content):
        kept = [permitted(each, role) for each in content]
        # In a tuple each place is an output of its own.
        return tuple(kept) if isinstance(content, tuple) else [each for each in kept if each is not None]
    if isinstance(content, dict):
        return {key: permitted(each, role) for key, each in content.items()}
    return content


def _permitted_component(component: Component, role: UserRole) -> Component | None:
    shown: Any = component
    if not role.may(_control_role(getattr(component, "id", None))):
        if "columnDefs" in shown.available_properties:
            shown.columnDefs = [{**column, "editable": False} for column in shown.columnDefs]
        elif "value" in shown.available_properties and "disabled" in shown.available_properties and _is_field(shown):
            shown.disabled = True
        else:
            return None
    if getattr(shown, "draggable", None) == "true" and not role.may(UserRole.PLANNER):
        shown.draggable = "false"
    for name in _INSIDE:
        inside = getattr(shown, name, None)
        if isinstance(inside, Component | list | tuple | dict):
            setattr(shown, name, permitted(inside, role))
    return component


def _is_field(component: Any) -> bool:
    """Whether it holds a value that is worth showing; buttons have the property too, but never set it."""
    return getattr(component, "value", None) is not None


def _control_role(id_: Any) -> UserRole:
    """The role that the control of an id needs."""
    if isinstance(id_, dict):
        kind = str(id_.get("type"))
        needed = CONTROLS.get(kind) or CONTROLS.get(f"{kind} {id_.get('what')}")
    else:
        needed = CONTROLS.get(id_) if isinstance(id_, str) else None
    return needed or UserRole.VIEWER
