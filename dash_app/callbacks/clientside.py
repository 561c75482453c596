"""Registers callbacks that run in the browser alone: the functions of `assets/grupa.js`."""

from typing import Any, cast

from dash import ClientsideFunction, Dash


def register_clientside(app: Dash, function: str, *dependencies: Any, **options: Any) -> None:
    """Register the function of that name in `assets/grupa.js` as a callback.

    Example: `register_clientside(app, "scheme", Output("theme", "forceColorScheme"), Input("scheme", "data"))`.

    Args:
        app: The app.
        function: Name of the function.
        dependencies: Its outputs, inputs and states.
        options: Further arguments of Dash's `clientside_callback`.
    """
    cast(Any, app).clientside_callback(ClientsideFunction("grupa", function), *dependencies, **options)
