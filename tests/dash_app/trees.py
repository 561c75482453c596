"""Reading a tree of components: all its text, and its parts by class or id."""

from collections.abc import Iterator
from typing import Any

from dash.development.base_component import Component


def parts(tree: Any) -> Iterator[Component]:
    """Every component of the tree, the root too; None and text are passed over."""
    if isinstance(tree, Component):
        yield tree
        yield from parts(getattr(tree, "children", None))
    elif isinstance(tree, (list, tuple)):
        for each in tree:
            yield from parts(each)


def text(tree: Any) -> str:
    """All text of the tree, with single spaces."""
    found: list[str] = []

    def walk(each: Any) -> None:
        if isinstance(each, (str, int, float)):
            found.append(str(each))
        elif isinstance(each, (list, tuple)):
            for child in each:
                walk(child)
        elif isinstance(each, Component):
            walk(getattr(each, "children", None))

    walk(tree)
    return " ".join(" ".join(found).split())


def ids(tree: Any) -> list[Any]:
    """The ids in the tree."""
    return [each.id for each in parts(tree) if getattr(each, "id", None) is not None]


def of_class(tree: Any, name: str) -> list[Component]:
    """Parts that have the class."""
    return [each for each in parts(tree) if name in (getattr(each, "className", None) or "").split()]
