"""Operations: a view's signature describes its request and its response.

.. code-block:: python

    @operation(201, problems=[409])
    def post(self, body: BookIn) -> BookOut:
        '''Add a book.'''

An argument named ``body``, ``form`` or ``query`` is loaded from the request into its pydantic
model. A body may also be a list, a union, or optional: None if the request has none. A form has
text fields and files (``schema.File``). An argument of the query that its model does not name is
refused, and so is one that comes twice, unless it is a list.

What the view returns is validated by the return annotation (from attributes, so that a database
row can be returned) and sent as JSON. Aliases of fields are used in both directions. A view
annotated ``tuple[BookOut, Headers]`` adds headers; one annotated ``None`` sends no body. A view
annotated ``BookOut | Response`` may also return a response, which is sent unchanged.

A 200 to GET has an ``ETag``, and is a 304 if the client has it (``If-None-Match``). A view for PUT,
PATCH or DELETE with 412 among its *problems* evaluates ``If-Match`` by ``check_if_match``.

A body that is not JSON is a 400, one of another content type a 415, and one that does not match the
model a 422 that lists up to ``MAX_FAULTS`` faults, but never a value of the request.

``@operation(deprecated=date(2027, 1, 31), sunset=date(2028, 1, 31))`` says since when clients
should no longer use it, and when it ends: in the document, and in the headers ``Deprecation`` (RFC
9745) and ``Sunset`` (RFC 8594) of all its responses. A date begins at midnight UTC; a datetime
needs a time zone.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from datetime import datetime
from datetime import UTC
from functools import partial
from functools import reduce
from functools import wraps
from http import HTTPStatus
from operator import or_
from types import UnionType
from typing import Annotated
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints
from typing import Union

from flask import after_this_request
from flask import current_app
from flask import Request
from flask import Response
from pydantic import BaseModel
from pydantic import TypeAdapter
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound
from werkzeug.exceptions import PreconditionFailed
from werkzeug.exceptions import PreconditionRequired
from werkzeug.http import http_date
from werkzeug.wrappers import Response as WerkzeugResponse

from .app import as_sync
from .arguments import adapter_of
from .arguments import load_body
from .arguments import load_form
from .arguments import load_query
from .conditional import ANY
from .conditional import etag_of
from .conditional import is_known
from .conditional import tags_of
from .reads import current_request
from .reads import environ_of
from .reads import seeing
from .schema import Sorted

Headers = Mapping[str, str]
View = Callable[..., Any]
Decorator = Callable[[View], Callable[..., WerkzeugResponse]]

_READING = {"GET", "HEAD"}

_CURRENT_ETAG = "carafe.current_etag"
"""The key in the environ of a function that returns the ETag, once ``If-Match`` is evaluated."""


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
        """Whether the view has to call ``check_if_match``."""
        return 412 in self.problems


def operation(
    status: int = 200,
    *,
    problems: Iterable[int] = (),
    operation_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    deprecated: date | None = None,
    sunset: date | None = None,
) -> Decorator:
    """Load a view's body, form and query, and send what it returns with *status*.

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
                kwargs["body"] = load_body(contract.body)
            if contract.form:
                kwargs["form"] = load_form(contract.form)
            if contract.query:
                kwargs["query"] = load_query(contract.query)
            return _run(contract, args, kwargs)

        call.__operation__ = contract  # type: ignore[attr-defined]
        return call

    return decorate


def check_if_match(view: View, *args: Any) -> None:
    """Abort if the row has changed since the client read it: ``check_if_match(self.get, id)``.

    Call it as soon as the row is locked and the client is known to be allowed to change it. *view*
    is the view for GET; the ETag of what it returns for *args* must be in ``If-Match``. Aborts with
    412 if it is not, with 400 if the header is malformed, and with 428 if it is missing although
    ``REQUIRE_IF_MATCH`` is set. The operation that calls it needs 412 among its *problems*.
    """
    environ = environ_of(current_request())
    contract = operation_of(current_request())
    if contract is None or not contract.evaluates_if_match:
        raise RuntimeError(
            "check_if_match is for an operation. Add 412 to the problems of this one."
        )
    tags = _if_match(environ)
    if tags is None and current_app.config.get("REQUIRE_IF_MATCH"):
        raise PreconditionRequired("Send the ETag of what you change as If-Match.")
    current_etag = partial(_etag_of, view, args, _query_without_arguments(view))
    etag = current_etag() if tags else None
    if tags and (etag is None or (tags != ANY and etag not in tags)):
        raise PreconditionFailed("This has changed since you read it.")
    environ[_CURRENT_ETAG] = current_etag


def operation_of(request: Request) -> Operation | None:
    """Return the contract of the view of *request*, if it has one."""
    function = current_app.view_functions.get(request.endpoint or "")
    contract: Operation | None = getattr(view_of(function, request.method), "__operation__", None)
    return contract


def view_of(function: Any, method: str) -> Any:
    """Return the view for *method* that a view function calls: one of its class, or itself."""
    view_class, name = getattr(function, "view_class", None), method.lower()
    if name == "head" and not hasattr(view_class, name):
        name = "get"
    whole = getattr(view_class, "dispatch_request", None)
    return getattr(view_class, name, whole if hasattr(whole, "__operation__") else function)


def takes_form(request: Request) -> bool:
    """Return whether the view of *request* takes a form."""
    contract = operation_of(request)
    return contract is not None and contract.form is not None


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
    returned = _without_responses(hints.get("return", type(None)))
    adds_headers = _has_headers(returned)
    if adds_headers:
        returned = get_args(returned)[0]
    body = hints.get("body")
    if body and "form" in hints:
        raise TypeError(f"{view.__qualname__} has a body and a form. A request has one of them.")
    adapter_of(body)  # An impossible type fails now, and so does an unknown status.
    HTTPStatus(status)
    kind: Any = Annotated[returned, Sorted]
    return Operation(
        as_sync(view),
        status,
        body,
        _model_of(view, "form", hints),
        _model_of(view, "query", hints),
        None if returned in (None, type(None)) else TypeAdapter(kind),
        adds_headers,
        *described,
    )


def _model_of(view: View, name: str, hints: dict[str, Any]) -> type[BaseModel] | None:
    if name not in hints:
        return None
    hint = hints[name]
    model = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(model, type) and issubclass(model, BaseModel):
        return model
    raise TypeError(
        f"The {name} of {view.__qualname__}, {hint}, is not a model. "
        "Use a subclass of BaseModel, or another name for a variable of the URL."
    )


def _without_responses(returned: Any) -> Any:
    """An annotation, or a union, without the responses, which are sent unchanged."""
    options = get_args(returned) if get_origin(returned) in (Union, UnionType) else (returned,)
    values = [each for each in options if not _is_response(each)]
    return reduce(or_, values) if values else None


def _is_response(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, WerkzeugResponse)


def _has_headers(returned: Any) -> bool:
    """Whether it is a pair of a body and headers; any other tuple is a body."""
    parts = get_args(returned) if get_origin(returned) is tuple else ()
    last = get_origin(parts[-1]) if len(parts) == 2 else None
    return isinstance(last, type) and issubclass(last, Mapping)


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
    is_evaluated = not contract.evaluates_if_match or _CURRENT_ETAG in environ
    if not is_evaluated and _if_match(environ) is not None:
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


def _query_without_arguments(view: Any) -> dict[str, BaseModel]:
    contract: Operation = view.__operation__
    try:
        return {"query": contract.query()} if contract.query else {}
    except ValidationError:
        raise RuntimeError(
            f"{view.__qualname__} requires an argument in its query. "
            "Give it a default, so that check_if_match can call the view."
        ) from None


def _etag_of(view: Any, args: tuple[Any, ...], query: dict[str, BaseModel]) -> str | None:
    """The ETag of what *view*, a function or a method, would send to this client, or None."""
    contract: Operation = view.__operation__
    owner = [view.__self__] if hasattr(view, "__self__") else []
    try:
        with seeing(current_request(), b""):
            response = _respond(contract, contract.view(*owner, *args, **query))
    except NotFound:
        return None
    return response.headers.get("ETag") or etag_of(response.get_data())


def _without_what_is_known(response: Response) -> Response:
    """The response, or a 304 without a body if the client has it already."""
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
    value, headers = result if contract.adds_headers else (result, None)
    for header in dict(headers or {}).values():
        str(header).encode("latin1")  # Raises here, where there still is a response to the error.
    if contract.returned is None:
        if value is not None:
            name = contract.view.__qualname__
            raise TypeError(f"{name} returned a value. Annotate what it returns.")
        empty = Response(status=contract.status, headers=headers)
        del empty.headers["Content-Type"]
        return empty
    adapter = contract.returned
    checked = adapter.validate_python(value, from_attributes=True, by_alias=True, by_name=True)
    body = adapter.dump_json(checked, by_alias=True)
    return Response(body, contract.status, headers, mimetype="application/json")
