"""The versioned JSON schemas that a model is asked for describe the structure of the classes that parse its replies."""

from typing import Any

import pytest
from pydantic import BaseModel

from grupa_pipeline.insights.models import Naming, RequestedDraft
from grupa_pipeline.insights.text_reuse import read_schema


def structure(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references resolved, without titles and descriptions."""
    if "$ref" in schema:
        return structure(definitions[schema["$ref"].split("/")[-1]], definitions)
    plain = {key: value for key, value in schema.items() if key not in ("$defs", "title", "description")}
    if "properties" in plain:
        plain["properties"] = {name: structure(part, definitions) for name, part in plain["properties"].items()}
    if "items" in plain:
        plain["items"] = structure(plain["items"], definitions)
    return plain


@pytest.mark.parametrize(("name", "model"), [("cluster", RequestedDraft), ("naming", Naming)])
def test_schemas_have_the_structure_of_the_models(name: str, model: type[BaseModel]) -> None:
    versioned, current = read_schema(name), model.model_json_schema()
    assert structure(versioned, versioned["$defs"]) == structure(current, current["$defs"])
