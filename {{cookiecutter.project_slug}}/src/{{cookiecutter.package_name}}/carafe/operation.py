"""Operations: a view's signature describes its request and its response.

.. code-block:: python

    @operation(201, problems=[409])
    def post(self, body: BookIn) -> BookOut:
        '''Add a book.'''

An argument named ``body``, ``form`` or ``query`` is loaded from the request into its pydantic
model. A body may also be a list, a union, or optional: None if the request has none. A form has
texts and files (``schema.File``). A query has no argument that its model does not name, and none
twice unless it is a list.

What the view returns is validated by the return annotation (from attributes, so that a database
row can be returned) and sent as JSON. Aliases of fields are used in both directions. A view
annotated ``tuple[BookOut, Headers]`` adds headers; one annotated ``None`` sends no body; a response
is sent unchanged.

A 200 to GET has an ``ETag``, and is a 304 if the client has it (``If-None-Match``). A view for PUT,
PATCH or DELETE with 412 among its *problems* evaluates ``If-Match`` by ``check_if_match``.

A body that is not JSON is a 400, one of another content type a 415, and one that does not match the
model a 422 that lists up to ``MAX_FAULTS`` faults, but never a value of the request.

``@operation(deprecated=date(2027, 1, 31), sunset=date(2028, 1, 31))`` says since when clients
should no longer use it, and when it ends: in the document, and in the headers ``Deprecation`` (RFC
9745) and ``Sunset`` (RFC 8594) of all its responses. A date begins at midnight UTC; a datetime
needs a time zone.
"""

import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import UTC
from difflib import get_close_matches
from functools import cache
from functools import partial
from functools import wraps
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints
from typing import TypeVar

from flask import after_this_request
from flask import current_app
from flask import Request
from flask import request
from flask import Response
from pydantic import AliasPath
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import PydanticUserError
from pydantic import RootModel
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound
from werkzeug.exceptions import PreconditionFailed
from werkzeug.exceptions import PreconditionRequired
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.http import http_date
from werkzeug.wrappers import Response as WerkzeugResponse

from . import strict
from .app import as_sync
from .conditional import ANY
from .conditional import etag_of
from .conditional import is_known
from .conditional import tags_of
from .errors import Fault
from .errors import Invalid
from .reads import current_request
from .reads import environ_of

FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}

Headers = Mapping[str, str]
Model = TypeVar("Model")
View = Callable[..., Any]
Decorator = Callable[[View], Callable[..., WerkzeugResponse]]

MAX_FAULTS = 20
MAX_NAME_LENGTH = 100
MAX_PATH_LENGTH = 200

_READING = {"GET", "HEAD"}

_CURRENT_ETAG = "carafe.current_etag"
"""The key in the environ of a function that returns it, once ``If-Match`` was evaluated."""

_MAX_FAULT_TEXT = 64 * 1024

_TIMES = {"date", "date-time", "time"}
_NUMBER = re.compile(r"\s*[+-]?[\d.]+\s*")

_UNQUOTED = {"union_tag_invalid": "Input tag does not match any of the expected tags"}
"""Details of faults whose own message would repeat a value of the request."""


@dataclass(frozen=True)
class Operation:
    """The contract of one *view*, whose decorated function has it as ``__operation__``."""

    view: View
    status: int
    body: Any
    """The type of the body: a model, or another type that pydantic knows."""
    form: type[BaseModel] | None
    query: type[BaseModel] | None
    returned: TypeAdapter[Any] | None
    adds_headers: bool
    problems: tuple[int, ...]
    operation_id: str | None
    headers: Mapping[str, str] | None
    """The headers that the view adds to a successful response, and their descriptions."""
    end: Mapping[str, str]
    """The headers ``Deprecation`` and ``Sunset`` of each response."""

    @property
    def evaluates_if_match(self) -> bool:
        """Whether it has to call ``check_if_match``."""
        return 412 in self.problems

    @property
    def is_optional(self) -> bool:
        """Whether a request may have no body: its type takes None."""
        return self.body is not None and _takes_none(self.body)


def operation(
    status: int = 200,
    *,
    problems: Iterable[int] = (),
    operation_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    deprecated: date | None = None,
    sunset: date | None = None,
) -> Decorator:
    """Load a view's body and query, and send what it returns with *status*.

    For the OpenAPI document, *problems* are the HTTP statuses that it may abort with; those that
    follow from the signature are added. *operation_id* replaces the name made of method and path.
    *headers* are those of a successful response and their descriptions, instead of the usual ones:
    ``Link`` for a page, and ``Location`` with a 201.
    """
    described = (tuple(problems), operation_id, headers, _end(deprecated, sunset))

    def decorate(view: View) -> Callable[..., WerkzeugResponse]:
        contract = _read(view, status, *described)

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> WerkzeugResponse:
            if contract.body:
                kwargs["body"] = _load_body(contract)
            if contract.form:
                kwargs["form"] = _load_form(contract.form)
            if contract.query:
                kwargs["query"] = _load_query(contract.query)
            return _run(contract, args, kwargs)

        call.__operation__ = contract  # type: ignore[attr-defined]
        return call

    return decorate


def check_if_match(view: View, *args: Any) -> None:
    """Abort unless the client has changed what is there: ``check_if_match(self.get, id)``.

    Call it as soon as the row is locked and the client may change it. *view* is the one for GET;
    what it returns for *args* has the ETag that has to be in ``If-Match``. Aborts with 412 if it is
    not, with 400 if the header is malformed, and with 428 if there is none although
    ``REQUIRE_IF_MATCH`` is set. The operation that calls it has 412 among its *problems*.
    """
    environ = environ_of(current_request())
    contract = operation_of(current_request())
    if contract is None or not contract.evaluates_if_match:
        raise RuntimeError(
            "check_if_match is for an operation. Add 412 to the problems of this one."
        )
    environ[_CURRENT_ETAG] = current_etag = partial(_etag_of, view, args)
    tags = _if_match(environ)
    if tags is None and current_app.config.get("REQUIRE_IF_MATCH"):
        raise PreconditionRequired("Send the ETag of what you change as If-Match.")
    if tags not in (None, ANY) and current_etag() not in tags:
        raise PreconditionFailed("This has changed since you read it.")


def operation_of(request: Request) -> Operation | None:
    """Return the contract of the view of *request*, if it has one."""
    function = current_app.view_functions.get(request.endpoint or "")
    view_class, method = getattr(function, "view_class", None), request.method.lower()
    if method == "head" and not hasattr(view_class, "head"):
        method = "get"
    contract: Operation | None = getattr(
        getattr(view_class, method, function), "__operation__", None
    )
    return contract


def takes_form(request: Request) -> bool:
    """Return whether the view of *request* takes a form."""
    contract = operation_of(request)
    return contract is not None and contract.form is not None


def check_names(model: type[BaseModel], names: Iterable[str]) -> None:
    """Raise Invalid unless the query *model* takes arguments with these *names*."""
    known = _arguments(model)
    takes_any = model.model_config.get("extra") == "allow" or issubclass(model, RootModel)
    wrong = [
        name
        for name, times in Counter(names).items()
        if (times > 1 and "array" not in known[name] if name in known else not takes_any)
    ]
    if wrong:
        raise Invalid([_name_fault(name, known) for name in wrong[:MAX_FAULTS]], len(wrong))


def _name_fault(name: str, known: Iterable[str]) -> Fault:
    name, detail = name[:MAX_NAME_LENGTH], "Send it once."
    if name not in known:
        nearest = get_close_matches(name, known, 1, 0)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        detail = f"There is no such argument.{hint}"
    return Fault(place="query", path=name, detail=detail)


def _end(deprecated: date | None, sunset: date | None) -> dict[str, str]:
    """The headers that announce the end of an operation."""
    since, until = _moment(deprecated), _moment(sunset)
    if since and until and until < since:
        raise ValueError("sunset is before deprecated. An operation is deprecated until it ends.")
    headers = {"Deprecation": f"@{int(since.timestamp())}"} if since else {}
    return headers | ({"Sunset": http_date(until)} if until else {})


def _moment(given: date | None) -> datetime | None:
    if type(given) is date:
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    if given is None or (isinstance(given, datetime) and given.utcoffset() is not None):
        return given
    raise TypeError(
        "deprecated and sunset: expected a date or a datetime with a time zone, for example "
        f"date(2027, 1, 31), but got {given!r}."
    )


def _read(view: View, status: int, *described: Any) -> Operation:
    hints = get_type_hints(view, include_extras=True)
    returned = hints.get("return", type(None))
    adds_headers = get_origin(returned) is tuple
    if adds_headers:
        returned = get_args(returned)[0]
    has_no_body = returned in (None, type(None)) or _is_response(returned)
    body = hints.get("body")
    adapter_of(body)  # An impossible type fails now.
    return Operation(
        as_sync(view),
        status,
        body,
        hints.get("form"),
        hints.get("query"),
        None if has_no_body else TypeAdapter(returned),
        adds_headers,
        *described,
    )


@cache
def adapter_of(body: Any) -> TypeAdapter[Any]:
    """Return the adapter of a body, whose values have exact types unless a model differs."""
    try:
        return TypeAdapter(body, config=ConfigDict(strict=True, allow_inf_nan=False))
    except PydanticUserError:  # A model has a configuration of its own.
        return TypeAdapter(body)


@cache
def _takes_none(body: Any) -> bool:
    try:
        adapter_of(body).validate_python(None)
    except ValidationError:
        return False
    return True


def _is_response(returned: Any) -> bool:
    return isinstance(returned, type) and issubclass(returned, WerkzeugResponse)


def _load_body(contract: Operation) -> Any:
    if contract.is_optional and not request.get_data():
        return adapter_of(contract.body).validate_python(None)
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    body = request.get_data()
    try:
        strict.loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return _checked("body", lambda: adapter_of(contract.body).validate_json(body))


def _load_form(model: type[BaseModel]) -> BaseModel:
    if request.mimetype not in FORM_TYPES:
        raise UnsupportedMediaType("Send the body as multipart/form-data.")
    texts = [*request.form.items(multi=True)]
    files = [(name, file) for name, file in request.files.items(multi=True) if file.filename]
    names = [(name, file.filename) for name, file in files]
    found = "".join(text or "" for pair in (*texts, *names) for text in pair)
    if "\0" in found:
        raise BadRequest("The body has a NUL character.")
    if "\ufffd" in found:  # Werkzeug puts it in the place of other bytes.
        raise BadRequest("The body is not UTF-8.")
    return _loaded("form", model, [*texts, *files])


def _load_query(model: type[BaseModel]) -> BaseModel:
    pairs = [*request.args.items(multi=True)]
    check_names(model, (name for name, _ in pairs))
    times = {name for name, kinds in _arguments(model).items() if kinds & _TIMES}
    detail = "Expected a date or a time, not a number."
    wrong = [name for name, value in pairs if name in times and _NUMBER.fullmatch(value)]
    if wrong:  # pydantic would count it as seconds since 1970.
        faults = [Fault(place="query", path=name, detail=detail) for name in wrong[:MAX_FAULTS]]
        raise Invalid(faults, len(wrong))
    return _loaded("query", model, pairs)


def _loaded(place: str, model: type[BaseModel], pairs: list[tuple[str, Any]]) -> BaseModel:
    """The model of named values, of which those with the same name make a list."""
    lists: dict[str, list[Any]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    arguments = _arguments(model)
    values = {
        name: found if len(found) > 1 or "array" in arguments.get(name, ()) else found[0]
        for name, found in lists.items()
    }
    # All values are text, so a strict model would refuse every number.
    return _checked(place, lambda: model.model_validate(values, strict=False))


@cache
def _arguments(model: type[BaseModel]) -> dict[str, set[str]]:
    """The names of a model's fields in a query, with all aliases; of each, its types and formats.

    ``array`` is among them if each item is an argument of its own.
    """
    schema = model.model_json_schema(by_alias=False, ref_template="{model}")
    definitions, config = schema.get("$defs", {}), model.model_config

    def kinds(part: dict[str, Any]) -> set[str]:
        part = definitions.get(part.get("$ref"), part)
        own = {
            part.get("type", ""),
            part.get("format", ""),
            part.get("items", {}).get("format", ""),
        }
        return own.union(*map(kinds, part.get("anyOf", ())))

    arguments: dict[str, set[str]] = {}
    for name, field in model.model_fields.items():
        part, alias = schema.get("properties", {}).get(name, {}), field.validation_alias
        names = [*getattr(alias, "choices", [alias or name])]
        if config.get("validate_by_name") or config.get("populate_by_name"):
            names.append(name)
        for each in names:
            argument = str(each.path[0] if isinstance(each, AliasPath) else each)
            arguments[argument] = kinds(part) - (
                {"array"} if part.get("explode") is False else set()
            )
    return arguments


def _checked(place: str, load: Callable[[], Model]) -> Model:
    try:
        return load()
    except ValidationError as error:
        # To make an object of each of 100,000 faults takes long; to write them does not.
        text = error.json(include_url=False, include_input=False, include_context=False)
        count = error.error_count()
    found = from_json(text[:_MAX_FAULT_TEXT], allow_partial="trailing-strings")[:MAX_FAULTS]
    raise Invalid([_fault(place, each) for each in found], count)


def _fault(place: str, found: dict[str, Any]) -> Fault:
    kind, detail = found.get("type", ""), found.get("msg", "The value is not valid.")
    path = "/".join(map(str, found.get("loc", ())))
    return Fault(place=place, path=path[:MAX_PATH_LENGTH], detail=_UNQUOTED.get(kind, detail))


def _run(contract: Operation, args: Any, kwargs: Any) -> WerkzeugResponse:
    environ = environ_of(current_request())
    try:
        response = _respond(contract, contract.view(*args, **kwargs))
    except NotFound as error:
        raise _not_there(contract, environ, error) from None
    if etag := _etag_to_send(contract, environ, response):
        response.headers.setdefault("ETag", etag)
    is_conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
    if is_conditional and environ["REQUEST_METHOD"] in _READING:
        after_this_request(_without_what_is_known)
    return response


def _not_there(contract: Operation, environ: dict[str, Any], error: HTTPException) -> HTTPException:
    if contract.evaluates_if_match and _if_match(environ) is not None:
        return PreconditionFailed("There is nothing to change.")
    return error


def _if_match(environ: dict[str, Any]) -> list[str] | None:
    """The entity tags of ``If-Match``, or None without it."""
    sent = environ.get("HTTP_IF_MATCH")
    tags = None if sent is None else tags_of(sent)
    if sent is not None and tags is None:
        raise BadRequest('If-Match is malformed. Expected an ETag such as "0a1b2c", or *.')
    return tags


def _etag_to_send(
    contract: Operation, environ: dict[str, Any], response: WerkzeugResponse
) -> str | None:
    """The ETag of what the response represents, or None if that is not known."""
    method, code = environ["REQUEST_METHOD"], response.status_code
    if contract.evaluates_if_match and method not in _READING and code < 300:
        if _CURRENT_ETAG not in environ:
            raise RuntimeError(
                f"{contract.view.__qualname__} did not evaluate If-Match. "
                "Call check_if_match, or remove 412 from its problems."
            )
        return environ[_CURRENT_ETAG]() if code == 200 else None
    is_made = code == 201 and "Location" in response.headers
    is_shown = code == 200 and method in _READING
    if response.is_streamed or not (is_made or is_shown):
        return None
    return etag_of(response.get_data())


def _etag_of(view: Any, args: tuple[Any, ...]) -> str:
    """The ETag of what *view*, a function or a method, would send to this client."""
    contract: Operation = view.__operation__
    owner = [view.__self__] if hasattr(view, "__self__") else []
    query = {"query": contract.query()} if contract.query else {}
    response = _respond(contract, contract.view(*owner, *args, **query))
    return response.headers.get("ETag") or etag_of(response.get_data())


def _without_what_is_known(response: Response) -> Response:
    """The response, as a 304 without a body if the client has it."""
    headers = response.headers
    environ = environ_of(current_request())
    if response.status_code == 200 and is_known(
        environ, headers.get("ETag"), headers.get("Last-Modified")
    ):
        response.status_code = 304
        response.set_data(b"")
    return response


def _respond(contract: Operation, result: Any) -> WerkzeugResponse:
    if isinstance(result, WerkzeugResponse):
        return result
    value, headers = result if isinstance(result, tuple) else (result, None)
    if contract.returned is None:
        empty = Response(status=contract.status, headers=headers)
        del empty.headers["Content-Type"]
        return empty
    adapter = contract.returned
    checked = adapter.validate_python(value, from_attributes=True, by_alias=True, by_name=True)
    body = adapter.dump_json(checked, by_alias=True)
    return Response(body, contract.status, headers, mimetype="application/json")
