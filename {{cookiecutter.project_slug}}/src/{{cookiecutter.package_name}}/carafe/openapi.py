"""The OpenAPI 3.1 document of the API, Swagger UI, and a home page.

``init_app(app)`` serves ``/openapi.json`` and Swagger UI at ``/docs``. The home page at ``/``,
unless the app has a view there, links to both and to everything that can be read. The document
lists every view that has an ``@operation``. A decorator that may refuse a request adds its statuses
to the view's ``__problems__``. Each body has an example.

======================= ============== =================
``OPENAPI_TITLE``       the app's name name of the API
``OPENAPI_DESCRIPTION`` ``""``         its purpose
``OPENAPI_VERSION``     ``"1"``        its version
======================= ============== =================
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from flask import current_app
from flask import Flask
from flask import request
from flask import Response
from flask import url_for
from flask_swagger_ui import get_swaggerui_blueprint
from pydantic import TypeAdapter
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter

from .config import before_start
from .errors import MIMETYPE as PROBLEM_MIMETYPE
from .errors import Problem
from .examples import example_of
from .examples import NoExample
from .operation import adapter_of
from .operation import Operation
from .schema import NO_NUL

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
"""The content security policy of Swagger UI, which writes styles into its page."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<h1>{title}</h1>
<p>{description}</p>
<ul>
{links}
</ul>
</html>
"""


def init_app(app: Flask) -> None:
    """Serve the document and the pages of *app*."""
    app.config.setdefault("OPENAPI_TITLE", app.name)
    app.config.setdefault("OPENAPI_DESCRIPTION", "")
    app.config.setdefault("OPENAPI_VERSION", "1")
    app.add_url_rule("/openapi.json", "openapi", _show)
    # Relative URLs, because the app may be mounted below a path.
    options = {"validatorUrl": None, "oauth2RedirectUrl": "./oauth2-redirect.html"}
    page = get_swaggerui_blueprint(".", "../openapi.json", config=options)
    page.after_request(_allow_its_content)
    app.register_blueprint(page, url_prefix="/docs")
    before_start(app, _add_home)


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of *app*, which is made once."""
    if _KEY not in app.extensions:
        app.extensions[_KEY] = _describe(app)
    made: dict[str, Any] = app.extensions[_KEY]
    return made


def _add_home(app: Flask) -> None:
    if not any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/", "home", _home)


def _home() -> Response:
    links = [(url_for("swagger_ui.show"), "Read the documentation and try it out")]
    links += [(url_for("openapi"), "The OpenAPI document")]
    for entry in _entries(current_app):
        if entry.method == "GET" and not entry.rule.arguments:
            links.append((url_for(entry.rule.endpoint), _summary(entry)))
    page = _PAGE.format(
        title=escape(current_app.config["OPENAPI_TITLE"]),
        description=escape(current_app.config["OPENAPI_DESCRIPTION"]),
        links="\n".join(f'<li><a href="{escape(url)}">{escape(it)}</a></li>' for url, it in links),
    )
    return current_app.response_class(page, mimetype="text/html")


def _show() -> dict[str, Any]:
    mounted = {"servers": [{"url": request.root_path}]} if request.root_path else {}
    return {**document(current_app), **mounted}


def _allow_its_content(response: Response) -> Response:
    """Let the page load its own files and run its inline script."""
    text = b"" if response.is_streamed else response.get_data()
    scripts = [
        f"'sha256-{b64encode(sha256(script).digest()).decode()}'"
        for script in re.findall(rb"(?s)<script>(.*?)</script>", text)
    ]
    response.headers["Content-Security-Policy"] = _POLICY.format(" ".join(scripts))
    return response


@dataclass(frozen=True)
class _Entry:
    """One operation at one path. *function* is the view function; it may dispatch to *view*."""

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
    def tag(self) -> str:
        """The name of the blueprint, also of one in another, or of the function."""
        *blueprints, function = str(self.rule.endpoint).split(".")
        return blueprints[-1] if blueprints else function

    @property
    def problems(self) -> list[int]:
        codes = {400, *self.contract.problems}  # Every URL may be invalid: see ``security``.
        codes.update(getattr(self.function, "__problems__", ()))
        codes.update(getattr(self.view, "__problems__", ()))
        has_body = self.contract.body or self.contract.form
        if self.contract.query or has_body:
            codes |= {422}
        if has_body:
            codes |= {415}
        return sorted(codes)


def _describe(app: Flask) -> dict[str, Any]:
    entries = list(_entries(app))
    schemas, components = TypeAdapter.json_schemas(
        list(_adapters(entries)), ref_template=_REFERENCE
    )
    definitions = components.get("$defs", {})
    for (name, _), schema in schemas.items():
        if isinstance(name, tuple) and name[1] == "body":
            _forbid_nul(schema, definitions, set())
    paths: dict[str, dict[str, Any]] = {}
    for entry in entries:
        paths.setdefault(entry.path, {})[entry.method.lower()] = _operation(
            entry, {key: schema for (key, _), schema in schemas.items()}, definitions
        )
    return {
        "openapi": "3.1.0",
        "info": {
            name: app.config[f"OPENAPI_{name.upper()}"]
            for name in ("title", "description", "version")
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
            yield (entry.name, "body"), "validation", adapter_of(entry.contract.body)
        if entry.contract.form:
            yield (entry.name, "form"), "validation", TypeAdapter(entry.contract.form)
        if entry.contract.query:
            yield (entry.name, "query"), "validation", TypeAdapter(entry.contract.query)
        if entry.contract.returned:
            yield (entry.name, "returned"), "serialization", entry.contract.returned


def _operation(
    entry: _Entry, schemas: dict[Any, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    _, _, description = (getdoc(entry.view) or "").partition("\n\n")
    query = schemas.get((entry.name, "query"), {})
    described: dict[str, Any] = {
        "operationId": entry.name,
        "tags": [entry.tag],
        "summary": _summary(entry),
        "parameters": [
            *_path_parameters(entry.rule),
            *_query_parameters(query, definitions),
        ],
        "responses": _responses(entry, schemas),
    }
    if description:
        described["description"] = description
    if entry.contract.body:
        content = _with_example(schemas[entry.name, "body"], definitions)
        described["requestBody"] = {
            "required": not entry.contract.is_optional,
            "content": {"application/json": content},
        }
    if entry.contract.form:
        content = {"schema": schemas[entry.name, "form"]}
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": content}}
    return described


def _summary(entry: _Entry) -> str:
    return " ".join((getdoc(entry.view) or "").partition("\n\n")[0].split())


def _with_example(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"schema": schema, "example": example_of(schema, definitions)}
    except NoExample:
        return {"schema": schema}


def _forbid_nul(schema: Any, definitions: dict[str, Any], seen: set[str]) -> None:
    """Describe that the texts of a body have no NUL, which ``strict`` refuses."""
    if isinstance(schema, list):
        for each in schema:
            _forbid_nul(each, definitions, seen)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "string" and not {"pattern", "format", "enum", "const"} & set(schema):
        schema["pattern"] = NO_NUL
    if isinstance(schema.get("additionalProperties"), dict):
        schema.setdefault("propertyNames", {"pattern": NO_NUL})
    target = str(schema.get("$ref", "")).rpartition("/")[2]
    if target and target not in seen:
        seen.add(target)
        _forbid_nul(definitions[target], definitions, seen)
    for value in schema.values():
        _forbid_nul(value, definitions, seen)


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
