"""Example bodies for the OpenAPI document, so that "Try it out" sends a valid request.

Examples, defaults and enums of the schema come first (``Field(examples=["Mary Shelley"])``); else a
string is made of the field's name, and a number is the smallest allowed from 1 up. An optional
field for which no value is certain to match is left out.
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
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "10:00:00Z",
    "uri": "https://example.com/",
    "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "uuid4": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
}
_FORMATS_OF_ANY_TEXT = {None, "binary", "password", "path"}


class NoExample(Exception):
    """No value is certain to match the schema."""


def example_of(schema: Schema, definitions: dict[str, Schema], name: str = "text") -> Any:
    """Return a value that matches *schema*, which may refer to *definitions*. Raises NoExample.

    *name* is the name of the field.
    """
    for offered in (schema.get("examples"), schema.get("enum")):
        if offered:
            return offered[0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    if "$ref" in schema:
        target = schema["$ref"].rpartition("/")[2]
        if target not in definitions:  # such as a model that contains itself
            raise NoExample(target)
        others = {key: value for key, value in definitions.items() if key != target}
        return example_of(definitions[target], others, name)
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    for number, option in enumerate(options, 1):
        try:
            return example_of(option, definitions, name)
        except NoExample:
            if number == len(options):
                raise
    return _of_type(schema, definitions, name)


def _of_type(schema: Schema, definitions: dict[str, Schema], name: str) -> Any:
    match schema.get("type"):
        case "object":
            return _of_fields(schema, definitions)
        case "array":
            first, least = schema.get("prefixItems", []), max(1, schema.get("minItems", 0))
            items = [*first, *[schema.get("items", {})] * (least - len(first))]
            if schema.get("uniqueItems") and least > 1:
                raise NoExample(name)
            return [example_of(item, definitions, name) for item in items]
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            return _number(schema, name)
        case "boolean":
            return True
        case "null":
            return None
    return {}


def _of_fields(schema: Schema, definitions: dict[str, Schema]) -> dict[str, Any]:
    found = {}
    for name, field in schema.get("properties", {}).items():
        try:
            found[name] = example_of(field, definitions, name)
        except NoExample:
            if name in schema.get("required", ()):
                raise
    if len(found) < schema.get("minProperties", 0):
        raise NoExample
    return found


def _text(schema: Schema, name: str) -> str:
    kind = schema.get("format")
    if kind in _FORMATS:
        return _FORMATS[kind]
    if kind not in _FORMATS_OF_ANY_TEXT or "contentMediaType" in schema:
        raise NoExample(name)
    words, shortest = name.replace("_", " ").capitalize(), schema.get("minLength", 0)
    while len(words) < shortest:
        words += f" {words}"
    pattern = schema.get("pattern", "")
    lengths = [shortest or 1, *map(int, re.findall(r"\b\d{1,3}\b", pattern))]
    for text in (words, words.lower(), name, *(each * n for n in lengths for each in "1aA")):
        text = text[: schema.get("maxLength")]
        if len(text) >= shortest and re.search(pattern, text):
            return text
    raise NoExample(name)


def _number(schema: Schema, name: str) -> float:
    step = schema.get("multipleOf", 1)
    low: Any = schema.get("exclusiveMinimum", -inf)
    high: Any = schema.get("exclusiveMaximum", inf)
    least, most = schema.get("minimum", low + step), schema.get("maximum", high - step)
    number = ceil(max(1, least) / step) * step
    number = number if number <= most else most // step * step
    if least <= number <= most:
        return int(number) if number == int(number) else float(number)
    if schema["type"] == "integer" or "multipleOf" in schema:
        raise NoExample(name)
    return float(schema.get("minimum", low) + schema.get("maximum", high)) / 2
