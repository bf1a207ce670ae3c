"""The API's own description: an OpenAPI 3.1 document, and a page to read and try it.

``init_app(app)`` serves ``/openapi.json`` and, from files of its own, ``/docs``. The document
lists every view that has an ``@operation``; a decorator that may refuse a request adds the
statuses it refuses with to the view's ``__problems__``.

=================== ============== =================
``OPENAPI_TITLE``   the app's name the API's name
``OPENAPI_VERSION`` ``"1"``        the API's version
=================== ============== =================
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from flask import current_app
from flask import Flask
from flask import Response
from flask_swagger_ui import get_swaggerui_blueprint
from pydantic import TypeAdapter
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter

from .errors import MIMETYPE as PROBLEM_MIMETYPE
from .errors import Problem
from .operation import Operation

_KEY = "carafe.openapi"
_REFERENCE = "#/components/schemas/{model}"
_CONVERTERS: dict[str, dict[str, Any]] = {
    "IntegerConverter": {"type": "integer"},
    "FloatConverter": {"type": "number"},
    "UUIDConverter": {"type": "string", "format": "uuid"},
}
_PROBLEM = TypeAdapter(Problem)
_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; connect-src 'self'; "
    "img-src 'self' data:; script-src 'self' {}; style-src 'self' 'unsafe-inline'"
)
"""The content that the page loads. Its library writes styles into it."""


def init_app(app: Flask) -> None:
    """Serve the document and the page of *app*."""
    app.config.setdefault("OPENAPI_TITLE", app.name)
    app.config.setdefault("OPENAPI_VERSION", "1")
    app.add_url_rule("/openapi.json", "openapi", _show)
    options = {"validatorUrl": None, "oauth2RedirectUrl": "/docs/oauth2-redirect.html"}
    page = get_swaggerui_blueprint("/docs", "/openapi.json", config=options)
    page.after_request(_allow_what_it_loads)
    app.register_blueprint(page, url_prefix="/docs")


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of *app*, made once."""
    if _KEY not in app.extensions:
        app.extensions[_KEY] = _describe(app)
    made: dict[str, Any] = app.extensions[_KEY]
    return made


def _show() -> dict[str, Any]:
    return document(current_app)


def _allow_what_it_loads(response: Response) -> Response:
    """Let the page load its own files and run the one script that is in it."""
    text = b"" if response.is_streamed else response.get_data()
    scripts = [
        f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
        for script in re.findall(rb"(?s)<script>(.*?)</script>", text)
    ]
    response.headers["Content-Security-Policy"] = _POLICY.format(" ".join(scripts))
    return response


@dataclass(frozen=True)
class _Entry:
    """One operation at one path. *function* is what routes to *view*, or *view* itself."""

    name: str
    rule: Rule
    method: str
    function: Any
    view: Any
    contract: Operation

    @property
    def path(self) -> str:
        return re.sub(r"<(?:[^<>]*:)?([^<>:]+)>", r"{\1}", self.rule.rule)

    @property
    def problems(self) -> list[int]:
        codes = {400, *self.contract.problems}  # Any address may be no text: see ``address``.
        codes.update(getattr(self.function, "__problems__", ()))
        codes.update(getattr(self.view, "__problems__", ()))
        if self.contract.query or self.contract.body:
            codes |= {422}
        if self.contract.body:
            codes |= {415}
        return sorted(codes)


def _describe(app: Flask) -> dict[str, Any]:
    entries = list(_entries(app))
    schemas, components = TypeAdapter.json_schemas(
        list(_adapters(entries)), ref_template=_REFERENCE
    )
    definitions = components.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for entry in entries:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _operation(
            entry, {key: schema for (key, _), schema in schemas.items()}, definitions
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": app.config["OPENAPI_TITLE"],
            "version": app.config["OPENAPI_VERSION"],
        },
        "paths": paths,
        "components": {"schemas": definitions},
    }


def _entries(app: Flask) -> Iterator[_Entry]:
    names: Counter[str] = Counter()
    for rule in app.url_map.iter_rules():
        function = app.view_functions[rule.endpoint]
        view_class = getattr(function, "view_class", None)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            view = getattr(view_class, method.lower(), function)
            if hasattr(view, "__operation__"):
                name = f"{rule.endpoint}.{method.lower()}"
                names[name] += 1
                unique = name if names[name] == 1 else f"{name}.{names[name]}"
                yield _Entry(unique, rule, method, function, view, view.__operation__)


def _adapters(entries: list[_Entry]) -> Iterator[tuple[Any, Any, TypeAdapter[Any]]]:
    yield "problem", "serialization", _PROBLEM
    for entry in entries:
        if entry.contract.body:
            yield (entry.name, "body"), "validation", TypeAdapter(entry.contract.body)
        if entry.contract.query:
            yield (entry.name, "query"), "validation", TypeAdapter(entry.contract.query)
        if entry.contract.returned:
            yield (entry.name, "returned"), "serialization", entry.contract.returned


def _operation(
    entry: _Entry, schemas: dict[Any, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    summary, _, description = (getdoc(entry.view) or "").partition("\n\n")
    query = schemas.get((entry.name, "query"), {})
    described: dict[str, Any] = {
        "operationId": entry.name,
        "tags": [entry.rule.endpoint.partition(".")[0]],
        "summary": " ".join(summary.split()),
        "parameters": [
            *_path_parameters(entry.rule),
            *_query_parameters(query, definitions),
        ],
        "responses": _responses(entry, schemas),
    }
    if description:
        described["description"] = description
    if entry.contract.body:
        content = {"application/json": {"schema": schemas[entry.name, "body"]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    for name, converter in rule._converters.items():
        schema = dict(_CONVERTERS.get(type(converter).__name__, {"type": "string", "minLength": 1}))
        if isinstance(converter, NumberConverter):
            least = converter.min if converter.signed else max(converter.min or 0, 0)
            bounds = {"minimum": least, "maximum": converter.max}
            schema |= {bound: value for bound, value in bounds.items() if value is not None}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(
    schema: dict[str, Any], definitions: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    required = schema.get("required", ())
    for name, values in schema.get("properties", {}).items():
        yield {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": values,
        }


def _responses(entry: _Entry, schemas: dict[Any, Any]) -> dict[str, Any]:
    status = entry.contract.status
    success: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if entry.contract.returned:
        success["content"] = {"application/json": {"schema": schemas[entry.name, "returned"]}}
    problem = {PROBLEM_MIMETYPE: {"schema": schemas["problem"]}}
    refusals = {
        str(code): {"description": HTTPStatus(code).phrase, "content": problem}
        for code in entry.problems
    }
    return {str(status): success, **refusals}
