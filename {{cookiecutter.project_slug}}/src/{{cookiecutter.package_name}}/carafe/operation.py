"""What an operation takes and gives, said by the view's own signature.

.. code-block:: python

    @operation(201, problems=[409])
    def post(self, body: BookIn) -> BookOut:
        '''Add a book.'''

An argument named ``body`` or ``query`` is loaded from the request into its pydantic model. What
the view returns is validated by the return annotation (from attributes, so a database row will
do) and sent as JSON. A view annotated ``tuple[BookOut, Headers]`` adds headers; one annotated
``None`` sends no body; a response is sent as it is.

A body that is not JSON is a 400, of another content type a 415, and what does not match the
model a 422 with every fault listed, never with the value that was sent.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any
from typing import get_args
from typing import get_origin
from typing import get_type_hints
from typing import TypeVar

from flask import current_app
from flask import request
from flask import Response
from pydantic import BaseModel
from pydantic import TypeAdapter
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.wrappers import Response as WerkzeugResponse

from .errors import Fault
from .errors import Invalid

Headers = Mapping[str, str]
Model = TypeVar("Model", bound=BaseModel)
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """The contract of one view, found as ``__operation__`` on it."""

    status: int
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    returned: TypeAdapter[Any] | None
    problems: tuple[int, ...]


def operation(status: int = 200, *, problems: Iterable[int] = ()) -> Callable[[View], View]:
    """Give a view its body and query, and send what it returns with *status*.

    *problems* are the HTTP statuses it may abort with, for the document; those that follow
    from the signature are known.
    """

    def decorate(view: View) -> View:
        contract = _read(view, status, tuple(problems))

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> WerkzeugResponse:
            if contract.body:
                kwargs["body"] = _load_body(contract.body)
            if contract.query:
                kwargs["query"] = _load_query(contract.query)
            return _respond(contract, run(*args, **kwargs))

        def run(*args: Any, **kwargs: Any) -> Any:
            return current_app.ensure_sync(view)(*args, **kwargs)

        run = run if iscoroutinefunction(view) else view
        call.__operation__ = contract  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def _read(view: Callable[..., Any], status: int, problems: tuple[int, ...]) -> Operation:
    hints = get_type_hints(view, include_extras=True)
    returned = hints.get("return", type(None))
    if get_origin(returned) is tuple:
        returned = get_args(returned)[0]
    sends_nothing = returned is type(None) or _is_response(returned)
    return Operation(
        status,
        hints.get("body"),
        hints.get("query"),
        None if sends_nothing else TypeAdapter(returned),
        problems,
    )


def _is_response(returned: Any) -> bool:
    return isinstance(returned, type) and issubclass(returned, WerkzeugResponse)


def _load_body(model: type[Model]) -> Model:
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as application/json.")
    return _checked("body", lambda: model.model_validate_json(request.get_data()))


def _load_query(model: type[Model]) -> Model:
    values = {name: items if len(items) > 1 else items[0] for name, items in request.args.lists()}
    return _checked("query", lambda: model.model_validate(values))


def _checked(place: str, load: Callable[[], Model]) -> Model:
    try:
        return load()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        raise BadRequest("The body is not valid JSON.")
    raise Invalid(
        [
            Fault(place=place, path="/".join(map(str, fault["loc"])), detail=fault["msg"])
            for fault in found
        ]
    )


def _respond(contract: Operation, result: Any) -> WerkzeugResponse:
    if isinstance(result, WerkzeugResponse):
        return result
    value, headers = result if isinstance(result, tuple) else (result, None)
    if contract.returned is None:
        return Response(status=contract.status, headers=headers)
    adapter = contract.returned
    body = adapter.dump_json(adapter.validate_python(value, from_attributes=True))
    return Response(body, contract.status, headers, mimetype="application/json")
