"""The arguments of a view that a request holds: its body, form and query, loaded into models.

A mismatch is a 422 that lists up to ``MAX_FAULTS`` faults, but never a value of the request.
"""

import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any
from typing import get_args
from typing import NamedTuple
from typing import TypeVar

from flask import request
from pydantic import AliasPath
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import PydanticUserError
from pydantic import RootModel
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic_core import from_json
from pydantic_core.core_schema import ErrorType
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import UnsupportedMediaType

from . import strict
from .errors import Fault
from .errors import Invalid
from .names import Schemas

Model = TypeVar("Model")
Schema = dict[str, Any]

FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}

MAX_FAULTS = 20
MAX_NAME_LENGTH = 100
MAX_PATH_LENGTH = 200

_MAX_FAULT_TEXT = 64 * 1024

_BODY = "the body"
_TIMES = {"date", "date-time", "time"}
_TEXTS, _AMOUNTS = {None, "string"}, {None, "integer", "number", "duration"}
_OTHERS = {"integer", "number", "string"}
_TIME_FORMAT = re.compile(r"'format': '(date|date-time|time)'")
_NUMBER = re.compile(r"\s*[+-]?[\d.]+(e[+-]?\d+)?\s*")
_WORD = re.compile(r"\w+")

_INVALID = "The value is not valid."
_UNQUOTED = {
    "union_tag_invalid": "Input tag does not match any of the expected tags",
    "uuid_parsing": "Input should be a valid UUID",
}
"""Details of faults whose own message would repeat a value of the request."""

_KNOWN_KINDS = {*get_args(ErrorType)} - {"value_error", "assertion_error"}
"""The kinds of faults whose messages are pydantic's own; others are those of a validator."""

_MAX_MESSAGE_LENGTH = 500
"""A longer message of a validator is not repeated."""


@cache
def adapter_of(body: Any) -> TypeAdapter[Any]:
    """Return the adapter of a body, with exact types unless a model is configured otherwise."""
    try:
        return TypeAdapter(body, config=ConfigDict(strict=True, allow_inf_nan=False))
    except PydanticUserError:  # A model has a configuration of its own.
        return TypeAdapter(body)


@cache
def takes_none(body: Any) -> bool:
    """Return whether None is a body of this type, so that a request may have none."""
    try:
        adapter_of(body).validate_python(None)
    except Exception:  # A validator of the owner's may raise anything for None.
        return False
    return True


def load_body(kind: Any) -> Any:
    """Return the JSON body of the request, which has this type."""
    if takes_none(kind) and not request.get_data():
        return adapter_of(kind).validate_python(None)
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    body = request.get_data()
    try:
        value = strict.loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if schemas := _schemas_with_times(kind):
        _refuse_numbers("body", _numbers(value, [{"$ref": _BODY}], schemas))
    return _checked("body", lambda: adapter_of(kind).validate_json(body), value)


def load_form(model: type[BaseModel]) -> BaseModel:
    """Return the form of the request, with its files."""
    if request.mimetype not in FORM_TYPES:
        raise UnsupportedMediaType("Send the body as multipart/form-data.")
    texts = [*request.form.items(multi=True)]
    files = [(name, file) for name, file in request.files.items(multi=True) if file.filename]
    names = [(name, file.filename) for name, file in files]
    found = "".join(text or "" for pair in (*texts, *names) for text in pair)
    if "\0" in found:
        raise BadRequest("The body has a NUL character.")
    if "\ufffd" in found:  # Werkzeug replaces other bytes with it.
        raise BadRequest("The body is not UTF-8.")
    _refuse_numbers("form", _numbers_for_fields(model, texts))
    return _loaded("form", model, [*texts, *files])


def load_query(model: type[BaseModel]) -> BaseModel:
    """Return the arguments of the request's URL."""
    pairs = [*request.args.items(multi=True)]
    check_names(model, (name for name, _ in pairs))
    _refuse_numbers("query", _numbers_for_fields(model, pairs))
    return _loaded("query", model, pairs)


def check_names(model: type[BaseModel], names: Iterable[str]) -> None:
    """Raise Invalid unless the query *model* takes arguments with these *names*."""
    known = _arguments(model)
    takes_any = model.model_config.get("extra") == "allow" or issubclass(model, RootModel)
    wrong = [
        name
        for name, times in Counter(names).items()
        if (times > 1 and "array" not in known[name].kinds if name in known else not takes_any)
    ]
    if wrong:
        raise Invalid([_name_fault(name, known) for name in wrong[:MAX_FAULTS]], len(wrong))


def _refuse_numbers(place: str, paths: Iterable[str]) -> None:
    """Refuse numbers for dates and times: pydantic would count them as seconds since 1970."""
    if wrong := [*paths]:
        detail = "Expected a date or a time, not a number."
        first = [path[:MAX_PATH_LENGTH] for path in wrong[:MAX_FAULTS]]
        faults = [Fault(place=place, path=path, detail=detail) for path in first]
        raise Invalid(faults, len(wrong))


@cache
def _schemas_with_times(body: Any) -> dict[str, list[Schema]]:
    """The schemas of the body and of its parts, by aliases and by names; none without a time."""
    schemas: dict[str, list[Schema]] = {}
    for by_alias in (True, False):
        schema = adapter_of(body).json_schema(
            by_alias=by_alias, ref_template="{model}", schema_generator=Schemas
        )
        for name, each in {**schema.pop("$defs", {}), _BODY: schema}.items():
            if each not in schemas.setdefault(name, []):
                schemas[name].append(each)
    return schemas if _TIME_FORMAT.search(str(schemas)) else {}


def _numbers(
    value: Any, parts: list[Schema], schemas: dict[str, list[Schema]], *path: Any
) -> Iterator[str]:
    """The paths of numbers in *value* that pydantic would take for nothing but times."""
    found = {id(option): option for part in parts for option in _options(part, schemas)}
    options = [*found.values()]  # Without repetitions, which a recursive type would multiply.
    if len(options) > 1:
        options = [option for option in options if _may_be(value, option)] or options
    if isinstance(value, dict | list):
        names = [option["propertyNames"] for option in options if "propertyNames" in option]
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if names:
                yield from _numbers(key, names, schemas, *path, key)
            if isinstance(each, dict | list) or _NUMBER.fullmatch(str(each)):
                below = [part for option in options for part in _below(option, key)]
                yield from _numbers(each, below, schemas, *path, key)
    elif _NUMBER.fullmatch(str(value)):
        kinds = {option.get("format", option.get("type")) for option in options}
        if kinds & _TIMES and not kinds & (_TEXTS if isinstance(value, str) else _AMOUNTS):
            yield "/".join(map(str, path))


def _options(part: Schema, schemas: dict[str, list[Schema]]) -> Iterator[Schema]:
    """The schemas of which a value has to match one, without references to *schemas*."""
    options = [*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())]
    options += schemas.get(part.get("$ref", ""), ())
    for option in options:
        yield from _options(option, schemas)
    if not options:
        yield part


def _may_be(value: Any, option: Schema) -> bool:
    """Return whether *value* is among the listed ones, or has the names and tags of an object."""
    if not isinstance(value, dict):
        return value in option.get("enum", [option.get("const", value)])
    fields, is_closed = option.get("properties", {}), option.get("additionalProperties") is False
    return (
        value.keys() >= {*option.get("required", ())}
        and not (is_closed and value.keys() - fields.keys())
        and all(_may_be(value[name], field) for name, field in fields.items() if name in value)
    )


def _below(option: Schema, key: str | int) -> list[Schema]:
    """The schemas of what is at this name of an object, or at this index of a list."""
    if isinstance(key, int):
        found = option.get("prefixItems", [])[key : key + 1] or [option.get("items")]
    elif key in option.get("properties", {}):
        found = [option["properties"][key]]
    else:
        found = [*option.get("patternProperties", {}).values(), option.get("additionalProperties")]
    return [{} if each is True else each for each in found if each not in (None, False)]


def _numbers_for_fields(model: type[BaseModel], pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    kinds = {name: argument.kinds for name, argument in _arguments(model).items()}
    times = {name for name in kinds if kinds[name] & _TIMES and not kinds[name] & _OTHERS}
    return (name for name, text in pairs if name in times and _NUMBER.fullmatch(text))


def _name_fault(name: str, known: Iterable[str]) -> Fault:
    name, detail = name[:MAX_NAME_LENGTH], "Send it once."
    if name not in known:
        nearest = get_close_matches(name, known, 1, 0)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        detail = f"There is no such argument.{hint}"
    return Fault(place="query", path=name, detail=detail)


def _loaded(place: str, model: type[BaseModel], pairs: list[tuple[str, Any]]) -> BaseModel:
    """The model made of *pairs*; values with the same name make a list."""
    arguments, lists = _arguments(model), dict[str, list[Any]]()
    for name, value in pairs:
        choices = arguments[name].choices if name in arguments else {}
        lists.setdefault(name, []).append(
            choices.get(value, value) if isinstance(value, str) else value
        )
    are_lists = {name for name, argument in arguments.items() if "array" in argument.kinds}
    values = {
        name: found if len(found) > 1 or name in are_lists else found[0]
        for name, found in lists.items()
    }
    # All values are text, so a strict model would refuse every number.
    return _checked(place, lambda: model.model_validate(values, strict=False), values)


class Argument(NamedTuple):
    """What an argument of a query, or a field of a form, may be."""

    kinds: set[str | None]
    """Types or formats; ``array`` is one of them if each item is an argument of its own."""
    choices: dict[str, Any]
    """The listed numbers and booleans by their texts, which pydantic would not take for them."""


@cache
def _arguments(model: type[BaseModel]) -> dict[str, Argument]:
    """The arguments of a model by their names in a request and their aliases."""
    schema = model.model_json_schema(
        by_alias=False, ref_template="{model}", schema_generator=Schemas
    )
    schemas = {name: [each] for name, each in schema.get("$defs", {}).items()}
    config, arguments = model.model_config, dict[str, Argument]()
    for name, field in model.model_fields.items():
        part, alias = schema.get("properties", {}).get(name, {}), field.validation_alias
        names = [*getattr(alias, "choices", [alias or name])]
        if config.get("validate_by_name") or config.get("populate_by_name"):
            names.append(name)
        for each in names:
            argument = str(each.path[0] if isinstance(each, AliasPath) else each)
            arguments[argument] = _argument(part, schemas)
    return arguments


def _argument(part: Schema, schemas: dict[str, list[Schema]]) -> Argument:
    options = [*_options(part, schemas)]
    for items in [option["items"] for option in options if "items" in option]:
        options += _options(items, schemas)
    kinds = {option.get("format", option.get("type")) for option in options}
    listed = [each for o in options for each in (*o.get("enum", ()), o.get("const"))]
    texts = {str(each).lower(): each for each in listed if isinstance(each, int | float)}
    choices = {text.removesuffix(".0"): each for text, each in texts.items()} | texts
    if part.get("explode") is False:  # One argument has all items.
        return Argument(kinds - {"array"}, {})
    return Argument(kinds, choices)


def _checked(place: str, load: Callable[[], Model], sent: Any) -> Model:
    try:
        return load()
    except ValidationError as error:
        # Making objects of 100,000 faults would take long; writing them as JSON does not.
        text = error.json(include_url=False, include_input=False, include_context=False)
        count = error.error_count()
    found = from_json(text[:_MAX_FAULT_TEXT], allow_partial="trailing-strings")[:MAX_FAULTS]
    said = "".join(_words(each.get("msg", "")) for each in found if _is_of_a_validator(each))
    values = {text for text in _texts(sent) if text in said} if said else set()
    raise Invalid([_fault(place, each, values) for each in found], count)


def _is_of_a_validator(found: dict[str, Any]) -> bool:
    return found.get("type") not in _KNOWN_KINDS


def _texts(value: Any) -> Iterator[str]:
    """The words of each text and number in *value*."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif value not in (None, True, False):
        yield _words(str(getattr(value, "filename", value)))


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _fault(place: str, found: dict[str, Any], values: set[str]) -> Fault:
    """The fault that pydantic has *found*, without any of the *values* that were sent."""
    kind, detail = found.get("type", ""), found.get("msg", _INVALID)
    is_long = len(detail) > _MAX_MESSAGE_LENGTH
    if _is_of_a_validator(found) and (is_long or any(value in _words(detail) for value in values)):
        detail = _INVALID
    path = "/".join(map(str, found.get("loc", ())))
    return Fault(place=place, path=path[:MAX_PATH_LENGTH], detail=_UNQUOTED.get(kind, detail))
