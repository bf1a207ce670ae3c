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
from typing import Annotated
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
from .schema import Body
from .schema import NO_TIME
from .schema import NUMBER
from .schema import WrittenOut

Model = TypeVar("Model")
Schema = dict[str, Any]

FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}

MAX_FAULTS = 20
MAX_NAME_LENGTH = 100
MAX_PATH_LENGTH = 200

_MAX_FAULT_TEXT = 64 * 1024

_TIMES = {"date", "date-time", "time"}
_OTHERS = {None, "duration", "integer", "number", "string"}

_INVALID = "The value is not valid."
_UNQUOTED = {
    "byte_size_unit": "Input should have a unit of bytes, such as KB",
    "union_tag_invalid": "Input tag does not match any of the expected tags",
    "uuid_parsing": "Input should be a valid UUID",
}
"""Details of faults whose own message would repeat a value of the request."""

_KNOWN_KINDS = {*get_args(ErrorType)} - {"value_error", "assertion_error"}
"""The kinds of faults whose messages are pydantic's own; others are those of a validator."""


@cache
def adapter_of(body: Any) -> TypeAdapter[Any]:
    """Return the adapter of a body, with exact types unless a model is configured otherwise."""
    try:
        config = ConfigDict(strict=True, allow_inf_nan=False)
        return TypeAdapter(Annotated[body, WrittenOut], config=config)
    except PydanticUserError:  # A model has a configuration of its own.
        return TypeAdapter(Annotated[body, WrittenOut])


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
    is_plain = isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, Body)
    if is_plain and isinstance(value, dict):
        _refuse_numbers("body", kind, value.items())
    return _checked("body", lambda: adapter_of(kind).validate_json(body))


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
    _refuse_numbers("form", model, texts)
    return _loaded("form", model, [*texts, *files])


def load_query(model: type[BaseModel]) -> BaseModel:
    """Return the arguments of the request's URL."""
    pairs = [*request.args.items(multi=True)]
    check_names(model, (name for name, _ in pairs))
    _refuse_numbers("query", model, pairs)
    return _loaded("query", model, pairs)


def check_names(model: type[BaseModel], names: Iterable[str]) -> None:
    """Raise Invalid unless the query *model* takes arguments with these *names*."""
    known = _arguments(model)
    takes_any = model.model_config.get("extra") == "allow" or issubclass(model, RootModel)
    wrong = [
        name
        for name, times in Counter(names).items()
        if (name not in known and not takes_any)
        or (name in known and times > 1 and "array" not in known[name].kinds)
    ]
    if wrong:
        raise Invalid([_name_fault(name, known) for name in wrong[:MAX_FAULTS]], len(wrong))


def _refuse_numbers(place: str, model: type[BaseModel], pairs: Iterable[tuple[str, Any]]) -> None:
    """Refuse numbers for dates and times: pydantic would count them as seconds since 1970."""
    fields = _arguments(model).items()
    times = {name for name, (kinds, _) in fields if kinds & _TIMES and not kinds & _OTHERS}
    wrong = [name for name, value in pairs if name in times and _has_number(value)]
    if wrong:
        faults = [Fault(place=place, path=name, detail=NO_TIME) for name in wrong[:MAX_FAULTS]]
        raise Invalid(faults, len(wrong))


def _has_number(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(NUMBER.fullmatch(str(each)) for each in values)


def _name_fault(name: str, known: Iterable[str]) -> Fault:
    name, detail = name[:MAX_NAME_LENGTH], "Send it once."
    if name not in known:
        nearest = get_close_matches(name.lower(), known, 1, 0)
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
    return _checked(place, lambda: model.model_validate(values, strict=False))


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
    definitions, config = schema.get("$defs", {}), model.model_config
    arguments = dict[str, Argument]()
    for name, field in model.model_fields.items():
        part, alias = schema.get("properties", {}).get(name, {}), field.validation_alias
        names = [*getattr(alias, "choices", [alias or name])]
        if config.get("validate_by_name") or config.get("populate_by_name"):
            names.append(name)
        for each in names:
            argument = str(each.path[0] if isinstance(each, AliasPath) else each)
            arguments[argument] = _argument(part, definitions)
    return arguments


def _options(part: Schema, definitions: dict[str, Schema]) -> Iterator[Schema]:
    """The schemas of which a value has to match one."""
    options = [*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())]
    if "$ref" in part:
        options.append(definitions[part["$ref"]])
    for option in options:
        yield from _options(option, definitions)
    if not options:
        yield part


def _argument(part: Schema, definitions: dict[str, Schema]) -> Argument:
    options = [*_options(part, definitions)]
    for items in [option["items"] for option in options if "items" in option]:
        options += _options(items, definitions)
    kinds = {option.get("format", option.get("type")) for option in options}
    listed = [each for o in options for each in (*o.get("enum", ()), o.get("const"))]
    texts = {str(each).lower(): each for each in listed if isinstance(each, int | float)}
    choices = {text.removesuffix(".0"): each for text, each in texts.items()} | texts
    if part.get("explode") is False:  # One argument has all items.
        return Argument(kinds - {"array"}, {})
    return Argument(kinds, choices)


def _checked(place: str, load: Callable[[], Model]) -> Model:
    try:
        return load()
    except ValidationError as error:
        count, found = error.error_count(), _first_faults(error)
    raise Invalid([_fault(place, each) for each in found], count)


def _first_faults(error: ValidationError) -> list[Any]:
    options = {"include_url": False, "include_context": False}
    if error.error_count() <= MAX_FAULTS:
        return error.errors(**options)
    # Making objects of 100,000 faults would take long; writing them as JSON does not.
    text = error.json(**options, include_input=False)[:_MAX_FAULT_TEXT]
    found: list[Any] = from_json(text, allow_partial="trailing-strings")
    return found[:MAX_FAULTS]


def _fault(place: str, found: dict[str, Any]) -> Fault:
    kind, detail = found.get("type", ""), found.get("msg", _INVALID).removeprefix("Value error, ")
    if kind not in _KNOWN_KINDS and _repeats(detail, found.get("input", detail)):
        detail = _INVALID
    path = "/".join(map(str, found.get("loc", ())))
    return Fault(place=place, path=path[:MAX_PATH_LENGTH], detail=_UNQUOTED.get(kind, detail))


def _repeats(message: str, value: Any) -> bool:
    """Return whether a validator says what was sent, such as a text that is no IP address."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return any(_repeats(message, part) for part in parts)
    text = str(getattr(value, "filename", value))
    is_there = text and text in message
    return bool(is_there and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", message))
