"""Names in the OpenAPI document: of operations, ``list_books``, and of models, ``BookPage``."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import TimedeltaSchema
from pydantic_core.core_schema import TimeSchema
from pydantic_core.core_schema import WithDefaultSchema

_VERBS = {"GET": "get", "POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}

_SINGULARS = [
    ("people", "person"),
    ("children", "child"),
    ("(^|_)(wo|)men", r"\1\2man"),
    ("(^|_)(news|series|species|lens)", r"\1\2"),
    ("(ind|vert)ices", r"\1ex"),
    ("(y|cri|the)ses", r"\1sis"),
    ("(mov|cook)ies", r"\1ie"),
    ("(..)ies", r"\1y"),
    ("(kn|w|(^|_)l)ives", r"\1ife"),
    ("(el|(?<!v)al|ol|ea|oa|ie)ves", r"\1f"),
    ("(ss|sh|[^a]ch|[eo]ach|x|zz|[^aceflmo]us|ias)es", r"\1"),
    ("(er|at|ch|et|rg|ed)oes", r"\1o"),
    ("(men|[cgt]p|sk)us", r"\1u"),
    ("(ss|us|sis)", r"\1"),
    ("(?<=.)s", ""),
]
"""Endings of plural words, and those of the singular; the first that matches counts."""

_NO_NAMES = {"Annotated", "FieldInfo", "NoneType", "Optional", "Union"}


def operation_names(method: str, path: str, is_list: bool) -> Iterator[str]:
    """Return names for an operation, the best one first.

    An operation is named after its method and its path: ``list_author_books`` is GET
    ``/api/authors/{id}/books``. Another with the same name is ``list_api_author_books``, then
    ``get_book_by_isbn``, and at last ``get_book_2``.
    """
    parts = re.findall(r"\{(\w+)\}|([^/{}]+)", path)
    *groups, noun = [word for _, text in parts if (word := _snake(text))] or ["root"]
    variables = [f"by_{variable}" for variable, _ in parts[-1:] if variable]
    verb = "list" if is_list and method == "GET" else _VERBS.get(method, method.lower())
    if verb == "create" or (variables and verb != "list"):
        noun = singular(noun)
    groups = [*map(singular, groups)]
    name = "_".join([verb, *(each for each in groups if not re.fullmatch(r"api|v\d+", each)), noun])
    yield name
    yield "_".join([verb, *groups, noun])
    yield "_".join([verb, *groups, noun, *variables])
    yield from (f"{name}_{number}" for number in count(2))


def _snake(text: str) -> str:
    return re.sub(r"\W+", "_", re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", text)).strip("_").lower()


def singular(word: str) -> str:
    """Return the singular of a noun, or the noun itself if it is not a plural."""
    for ending, replacement in _SINGULARS:
        found, changes = re.subn(f"{ending}$", replacement, word)
        if changes:
            return found
    return word


class Schemas(GenerateJsonSchema):
    """Makes the schemas of models; ``Page[BookOut]`` is named ``BookPage``."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Return False: the title of a field would only repeat its name."""
        return False

    def handle_invalid_for_json_schema(self, schema: object, error_info: str) -> dict[str, Any]:
        """Return a schema that any value matches, for a type that JSON schema cannot describe."""
        return {}

    def default_schema(self, schema: WithDefaultSchema) -> dict[str, Any]:
        """Return the schema of a field with a default, unless that is null.

        Generators of TypeScript take a default for a reason to require the field.
        """
        described = super().default_schema(schema)
        return {key: it for key, it in described.items() if (key, it) != ("default", None)}

    def timedelta_schema(self, schema: TimedeltaSchema) -> dict[str, Any]:
        """Return the schema of a duration, which pydantic writes with years and fractions."""
        return (
            {"type": "string"} if self.mode == "serialization" else super().timedelta_schema(schema)
        )

    def time_schema(self, schema: TimeSchema) -> dict[str, Any]:
        """Return the schema of a time of day, which may lack the zone that its format requires."""
        return {"type": "string"} if self.mode == "serialization" else super().time_schema(schema)

    def normalize_name(self, name: str) -> str:
        """Return the name of the component for the name of a class."""
        if "[" not in name or ":" in name:  # with the ids of the classes, by which pydantic counts
            return super().normalize_name(name)
        words = re.findall(r"[\w.]+", re.sub(r"\(.*\)", "", name))
        model, *arguments = [word.rpartition(".")[2] for word in words if word not in _NO_NAMES]
        if "." not in name:  # pydantic takes the name with the modules if two would be the same
            arguments = [each.removesuffix("Out") or each for each in arguments]
        name = "".join(each[0].upper() + each[1:] for each in (*reversed(arguments), model))
        return super().normalize_name(name)
