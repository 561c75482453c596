"""What role a write to Dagster's web server needs: read from the document of a GraphQL request, else from the path.

Every mutation of a document counts, also one that its `operationName` does not choose: nobody writes those by accident.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import GraphQLSyntaxError, parse
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from grupa_pipeline.auth.permissions import MUTATIONS, dagster_write_role, mutation_role
from grupa_pipeline.auth.use_limits import LAUNCHES
from grupa_pipeline.vocabulary.enums import UserRole

MAX_LEVELS, MAX_FIELDS = 50, 20_000
"""Of a GraphQL document; the pages of Dagster's UI ask for far fewer."""


def needed_role(path: str, body: bytes) -> tuple[Sequence[str], UserRole]:
    """What a write does, in the names of its mutations that Dagster has or its path, and the role that it needs.

    Args:
        path: The path below the prefix.
        body: The body, JSON.
    """
    if path.rstrip("/") != "/graphql":
        return [path], dagster_write_role(path)
    try:
        fields = mutation_fields(parse(json.loads(body)["query"]))
    except (GraphQLSyntaxError, ValueError):
        return [], UserRole.VIEWER  # the server cannot read it either, and says so
    except (KeyError, TypeError, RecursionError):
        return [], UserRole.ADMIN
    return sorted({*fields} & MUTATIONS.keys()), UserRole.highest(map(mutation_role, fields)) or UserRole.VIEWER


def is_too_large(body: bytes) -> bool:
    """Whether a GraphQL request has more levels or fields than any page of Dagster; fragments count where they are spread."""
    try:
        document = parse(json.loads(body)["query"])
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        known: dict[str, tuple[int, int]] = {}
        sizes = [
            _size(each.selection_set, fragments, known)
            for each in document.definitions
            if isinstance(each, OperationDefinitionNode)
        ]
    except (GraphQLSyntaxError, ValueError, KeyError, TypeError):
        return False  # the server cannot read it either, and says so
    except RecursionError:
        return True
    return any(levels > MAX_LEVELS or fields > MAX_FIELDS for levels, fields in sizes)


def launches(body: bytes) -> int:
    """How many runs, or sets of them, a GraphQL request launches: each alias counts."""
    try:
        return sum(each in LAUNCHES for each in mutation_fields(parse(json.loads(body)["query"])))
    except (GraphQLSyntaxError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def mutation_fields(document: DocumentNode) -> list[str]:
    """The fields of all mutations in a document, those in fragments too, under their own names and not their aliases."""
    definitions = document.definitions
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
    seen: set[str] = set()  # of the whole document: what spreads each other twice would else take 2^n steps
    return [
        field
        for each in definitions
        if isinstance(each, OperationDefinitionNode) and each.operation is OperationType.MUTATION
        for field in _fields(each.selection_set, fragments, seen)
    ]


def _size(
    selection: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, tuple[int, int]],
) -> tuple[int, int]:
    """Levels and fields of a selection; `known` holds those of fragments, and one that spreads itself counts as nothing there."""
    levels, fields = 0, 0
    for each in selection.selections if selection else ():
        inside: Any = each
        if isinstance(each, FragmentSpreadNode):
            name = each.name.value
            if name not in known and name in fragments:
                known[name] = (0, 0)
                known[name] = _size(fragments[name].selection_set, fragments, known)
            below, more = known.get(name, (0, 0))
        else:
            below, more = _size(inside.selection_set, fragments, known)
        is_field = isinstance(each, FieldNode)
        levels, fields = max(levels, below + is_field), fields + more + is_field
    return levels, fields


def _fields(
    selection: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[str]:
    for each in selection.selections:
        inside: Any = each
        if isinstance(each, FieldNode):
            yield each.name.value
        elif not isinstance(each, FragmentSpreadNode):
            yield from _fields(inside.selection_set, fragments, seen)
        elif (name := each.name.value) in fragments and name not in seen:
            seen.add(name)
            yield from _fields(fragments[name].selection_set, fragments, seen)
