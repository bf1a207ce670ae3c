"""Operations: a view's signature describes its request and its response.

.. code-block:: python

    @operation(201, problems=[409])
    def post(self, body: BookIn) -> BookOut:
        '''Add a book.'''

An argument named ``body`` or ``query`` is loaded from the request into its pydantic model. What
the view returns is validated by the return annotation (from attributes, so that a database row can
be returned) and sent as JSON. Aliases of fields are used in both directions. A view annotated
``tuple[BookOut, Headers]`` adds headers; one annotated ``None`` sends no body; a response is sent
unchanged.

A body that is not JSON is a 400, one of another content type a 415, and one that does not match the
model a 422 that lists every fault, but never a value of the request.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints
from typing import TypeVar

from flask import request
from flask import Response
from pydantic import BaseModel
from pydantic import TypeAdapter
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.wrappers import Response as WerkzeugResponse

from . import strict
from .app import as_sync
from .errors import Fault
from .errors import Invalid

Headers = Mapping[str, str]
Model = TypeVar("Model", bound=BaseModel)
View = Callable[..., Any]
Decorator = Callable[[View], Callable[..., WerkzeugResponse]]

_UNQUOTED = {"union_tag_invalid": "Input tag does not match any of the expected tags"}
"""Details of faults whose own message would repeat a value of the request."""


@dataclass(frozen=True)
class Operation:
    """The contract of one view, which has it as ``__operation__``."""

    status: int
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    lists: frozenset[str]
    """The query arguments that may be repeated."""
    returned: TypeAdapter[Any] | None
    problems: tuple[int, ...]


def operation(status: int = 200, *, problems: Iterable[int] = ()) -> Decorator:
    """Load a view's body and query, and send what it returns with *status*.

    *problems* are the HTTP statuses that it may abort with, for the OpenAPI document; those that
    follow from the signature are added.
    """

    def decorate(view: View) -> Callable[..., WerkzeugResponse]:
        contract = _read(view, status, tuple(problems))
        run = as_sync(view)

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> WerkzeugResponse:
            if contract.body:
                kwargs["body"] = _load_body(contract.body)
            if contract.query:
                kwargs["query"] = _load_query(contract.query, contract.lists)
            return _respond(contract, run(*args, **kwargs))

        call.__operation__ = contract  # type: ignore[attr-defined]
        return call

    return decorate


def _read(view: View, status: int, problems: tuple[int, ...]) -> Operation:
    hints = get_type_hints(view, include_extras=True)
    returned = hints.get("return", type(None))
    if get_origin(returned) is tuple:
        returned = get_args(returned)[0]
    has_no_body = returned in (None, type(None)) or _is_response(returned)
    return Operation(
        status,
        hints.get("body"),
        hints.get("query"),
        _lists(hints.get("query")),
        None if has_no_body else TypeAdapter(returned),
        problems,
    )


def _lists(model: type[BaseModel] | None) -> frozenset[str]:
    properties = model.model_json_schema().get("properties", {}) if model else {}
    return frozenset(
        name
        for name, schema in properties.items()
        if any(part.get("type") == "array" for part in (schema, *schema.get("anyOf", ())))
    )


def _is_response(returned: Any) -> bool:
    return isinstance(returned, type) and issubclass(returned, WerkzeugResponse)


def _load_body(model: type[Model]) -> Model:
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    body = request.get_data()
    try:
        strict.loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return _checked("body", lambda: model.model_validate_json(body))


def _load_query(model: type[Model], lists: frozenset[str]) -> Model:
    values = {
        name: items if name in lists or len(items) > 1 else items[0]
        for name, items in request.args.lists()
    }
    # All values of a query are text, so a strict model would refuse every number.
    return _checked("query", lambda: model.model_validate(values, strict=False))


def _checked(place: str, load: Callable[[], Model]) -> Model:
    try:
        return load()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
    raise Invalid(
        [
            Fault(
                place=place,
                path="/".join(map(str, fault["loc"])),
                detail=_UNQUOTED.get(fault["type"], fault["msg"]),
            )
            for fault in found
        ]
    )


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
