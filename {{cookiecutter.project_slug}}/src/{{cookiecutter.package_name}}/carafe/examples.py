"""Example bodies for the OpenAPI document, so that "Try it out" sends a valid request.

Examples, defaults and enums of the schema come first (``Field(examples=["Mary Shelley"])``); else a
string is the field's own name, and a number the smallest allowed.
"""

import re
from math import ceil
from math import inf
from typing import Any

Schema = dict[str, Any]

_FORMATS = {
    "date": "2026-11-26",
    "date-time": "2026-11-26T10:00:00Z",
    "duration": "P1D",
    "email": "you@example.com",
    "time": "10:00:00Z",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}


class NoExample(Exception):
    """No value is certain to match the schema."""


def example_of(schema: Schema, definitions: dict[str, Schema], name: str = "text") -> Any:
    """Return a value that matches *schema*, which may refer to *definitions*. Raises NoExample.

    *name* is the name of the field.
    """
    if "$ref" in schema:
        target = schema["$ref"].rpartition("/")[2]
        if target not in definitions:  # such as a model that contains itself
            raise NoExample(target)
        others = {key: value for key, value in definitions.items() if key != target}
        return example_of(definitions[target], others, name)
    for offered in (schema.get("examples"), schema.get("enum")):
        if offered:
            return offered[0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        return example_of(option, definitions, name)
    return _of_type(schema, definitions, name)


def _of_type(schema: Schema, definitions: dict[str, Schema], name: str) -> Any:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {key: example_of(each, definitions, key) for key, each in properties.items()}
        case "array":
            item = schema.get("items", {})
            return [example_of(item, definitions, name)] * max(1, schema.get("minItems", 0))
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
    return {}


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    words, shortest = name.replace("_", " ").capitalize(), schema.get("minLength", 0)
    while len(words) < shortest:
        words += f" {words}"
    for text in (words, words.lower(), "1" * max(1, shortest)):
        text = text[: schema.get("maxLength")]
        if re.search(schema.get("pattern", ""), text):
            return text
    raise NoExample(name)


def _number(schema: Schema) -> int:
    step = schema.get("multipleOf", 1)
    least = schema.get("minimum", schema.get("exclusiveMinimum", -inf) + step)
    most = schema.get("maximum", schema.get("exclusiveMaximum", inf) - step)
    number = ceil(max(1, least) / step) * step
    return int(number if number <= most else most // step * step)
