"""The OpenAPI 3.1 document of an app, which describes every view with an ``@operation``.

A decorator, or a function that runs before the view, may have ``__problems__``, the statuses with
which it refuses requests, and ``__security__``, tuples of names of security schemes: a request has
to satisfy one scheme of each tuple. A handler of exceptions may have ``__problems__``, too, and
``__problems_of_writes__``, which are not those of GET.
"""

import re
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from inspect import getdoc
from itertools import accumulate
from itertools import chain
from itertools import product
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from pydantic_core import to_json
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter

from .arguments import adapter_of
from .arguments import takes_none
from .errors import MIMETYPE as PROBLEM_MIMETYPE
from .errors import Problem
from .errors import title_of
from .examples import example_of
from .examples import NoExample
from .names import operation_names
from .names import Schemas
from .operation import Operation
from .operation import view_of
from .schema import NO_CONTROL
from .schema import NO_NUL

Schema = dict[str, Any]

_KEY = "carafe.document"
_SCHEMES = "carafe.document.schemes"
_SCHEMA = "#/components/schemas/"
_TAG = '(W/)?"[!#-~]*"'
_TEXT: Schema = {"type": "string", "pattern": NO_CONTROL}
_CONVERTERS: dict[str, Schema] = {
    "IntegerConverter": {"type": "integer"},
    "FloatConverter": {"type": "number"},
    "UUIDConverter": {"type": "string", "format": "uuid"},
}
_PROBLEM = TypeAdapter(Problem)
_HEADERS = {
    "Deprecation": "Since when clients should no longer use this operation (RFC 9745).",
    "ETag": "The version of the representation.",
    "Link": 'The URL of the next page, as rel="next"; the last page has none.',
    "Location": "The URL of what was added.",
    "Retry-After": "Seconds until it is worth trying again.",
    "Sunset": "When this operation ends (RFC 8594).",
    "WWW-Authenticate": "How a client can authenticate.",
    "X-Request-ID": "The id of the request in the log.",
}
_CONDITIONS = {
    "If-Match": "Make the change only if the ETag is still this one; otherwise respond with 412. "
    "That is also the response if there is nothing to change, which is a 404 without this header.",
    "If-None-Match": "Send the body only if the ETag is another one; otherwise respond with 304.",
}
_SENT_WITH = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}


def add_security_scheme(app: Flask, name: str, describe: Callable[[Flask], Schema]) -> None:
    """Add a security scheme to the document of *app*; *describe* returns its description."""
    app.extensions.setdefault(_SCHEMES, {})[name] = describe


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of *app*, which is made once."""
    if _KEY not in app.extensions:
        app.extensions[_KEY] = _describe(app)
    made: dict[str, Any] = app.extensions[_KEY]
    return made


@dataclass(frozen=True, eq=False)
class Route:
    """One operation at one path.

    *function* is the view function; it may dispatch to *view*. The *hooks* run before it.
    """

    rule: Rule
    method: str
    function: Any
    view: Any
    hooks: list[Any]
    contract: Operation
    requires_if_match: bool

    @property
    def path(self) -> str:
        return re.sub(r"<(?:[^<>]*:)?([^<>:]+)>", r"{\1}", self.rule.rule)

    @property
    def tag(self) -> str:
        """The name of the innermost blueprint, or else of the function."""
        *blueprints, function = str(self.rule.endpoint).split(".")
        return blueprints[-1] if blueprints else function

    @property
    def summary(self) -> str:
        return " ".join((getdoc(self.view) or "").partition("\n\n")[0].split())

    @property
    def is_list(self) -> bool:
        """Whether a list is returned, or a page of one."""
        returned = self.contract.returned
        options: Any = {"mode": "serialization", "schema_generator": Schemas}
        schema = returned.json_schema(**options) if returned else {}
        is_page = {"items", "next"} <= schema.get("properties", {}).keys()
        return is_page or schema.get("type") == "array"

    @property
    def problems(self) -> list[int]:
        codes = {400, *self.contract.problems}  # Every URL may be invalid: see ``security``.
        codes |= self._marks("__problems__")
        if self.method != "GET":
            codes |= self._marks("__problems_of_writes__")
        if self.rule.arguments:  # A variable may not match, such as -1 for an integer.
            codes |= {404}
        if self.requires_if_match:
            codes |= {428}
        if self.contract.body or self.contract.form:
            codes |= {413, 415, 422}
        return sorted(codes | {422} if self.contract.query else codes)

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """The combinations of schemes that satisfy everything, without needless ones."""
        needed = self._marks("__security__")
        combinations = {frozenset(names) for names in product(*needed)} if needed else set()
        fewest = [each for each in combinations if not any(other < each for other in combinations)]
        return [{name: [] for name in sorted(each)} for each in sorted(fewest, key=sorted)]

    def _marks(self, name: str) -> set[Any]:
        """What the view, what runs before it and what handles errors have under *name*."""
        owners = [hook.__self__ for hook in self.hooks if hasattr(hook, "__self__")]
        places = [self.view, self.function, *self.hooks, *owners]
        return set().union(*(getattr(place, name, ()) for place in places))

    @property
    def evaluates_if_none_match(self) -> bool:
        """Whether it evaluates ``If-None-Match``."""
        return self.method == "GET" and self.contract.status == 200

    @property
    def success_headers(self) -> dict[str, Schema]:
        """The headers of a successful response alone."""
        contract, is_get = self.contract, self.method == "GET"
        has_etag = self.evaluates_if_none_match or (
            contract.status == 200 and contract.evaluates_if_match
        )
        sent = _usual("ETag") if has_etag else {}
        if contract.headers is not None:
            return sent | {name: _header(text) for name, text in contract.headers.items()}
        if contract.adds_headers and is_get and self.is_list:
            return sent | _usual("Link")
        if contract.adds_headers and contract.status == 201:
            return sent | _usual("Location", "ETag")
        return sent


_METHODS = {"DELETE", "GET", "PATCH", "POST", "PUT", "TRACE"}
"""The methods that OpenAPI describes, without those that Flask adds by itself."""


def routes_of(app: Flask) -> Iterator[Route]:
    """Return the operations of *app*."""
    for rule in app.url_map.iter_rules():
        function = None if rule.build_only else app.view_functions.get(rule.endpoint)
        *blueprints, _ = str(rule.endpoint).split(".")
        places = [None, *accumulate(blueprints, "{}.{}".format)]
        hooks: list[Any] = [*app.error_handler_spec[None][None].values()]
        hooks += (hook for place in places for hook in app.before_request_funcs.get(place, ()))
        for method in sorted((rule.methods or set()) & _METHODS):
            view = view_of(function, method)
            if hasattr(view, "__operation__"):
                contract: Operation = view.__operation__
                is_required = contract.evaluates_if_match and app.config.get("REQUIRE_IF_MATCH")
                yield Route(rule, method, function, view, hooks, contract, bool(is_required))


def _describe(app: Flask) -> dict[str, Any]:
    routes = list(routes_of(app))
    found, components = TypeAdapter.json_schemas(
        list(_adapters(routes)), ref_template=_SCHEMA + "{model}", schema_generator=Schemas
    )
    definitions = components.get("$defs", {})
    schemas = {key: schema for (key, _), schema in found.items()}
    for (_, place), schema in schemas.items():
        if place in {"body", "form", "query"}:
            _describe_input(schema, definitions, set())
        if place == "form":
            _add_examples(schema, definitions)
    schemes = {name: make(app) for name, make in app.extensions.get(_SCHEMES, {}).items()}
    paths: dict[str, dict[str, Any]] = {}
    for route, name in zip(routes, _operation_ids(routes), strict=True):
        security = {"security": route.security} if schemes else {}
        described = {"operationId": name} | _operation(route, schemas, definitions) | security
        paths.setdefault(route.path, {}).setdefault(route.method.lower(), described)
    used: dict[str, Schema] = {}
    _collect(paths, definitions, used)
    return {
        "openapi": "3.1.0",
        "info": {
            name: app.config[f"OPENAPI_{name.upper()}"]
            for name in ("title", "description", "version")
        },
        "tags": [{"name": name} for name in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {"schemas": used} | ({"securitySchemes": schemes} if schemes else {}),
    }


def _adapters(routes: list[Route]) -> Iterator[tuple[Any, Any, TypeAdapter[Any]]]:
    yield (None, "problem"), "serialization", _PROBLEM
    for route in routes:
        if route.contract.body:
            yield (route, "body"), "validation", adapter_of(route.contract.body)
        for place in ("form", "query"):
            if model := getattr(route.contract, place):
                yield (route, place), "validation", TypeAdapter(model)
        if route.contract.returned:
            yield (route, "returned"), "serialization", route.contract.returned


def _operation_ids(routes: list[Route]) -> list[str]:
    """The ids of the operations, which are unique; those that are given come first."""
    ids: dict[str, Route] = {}
    for route in sorted(routes, key=lambda route: route.contract.operation_id is None):
        given = route.contract.operation_id
        names = operation_names(route.method, route.path, route.is_list)
        for name in chain([given] if given else [], names):
            if ids.setdefault(name, route) is route:
                break
    return sorted(ids, key=lambda name: routes.index(ids[name]))


def _collect(value: Any, models: dict[str, Schema], used: dict[str, Schema]) -> None:
    """Add to *used* each of the *models* that *value* refers to, by its best name."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list):
            _collect(each, models, used)
        elif isinstance(each, str) and each.startswith(_SCHEMA):
            name = _best_name(each.removeprefix(_SCHEMA), models)
            value[key] = _SCHEMA + name
            if name not in used:
                used[name] = model = models[each.removeprefix(_SCHEMA)]
                title = model.get("title", "")
                if "[" in title or name.removesuffix("Input").endswith(title):
                    model.pop("title", None)
                _collect(model, models, used)


def _best_name(name: str, others: dict[str, Any]) -> str:
    """The best name of a model whose schemas as a request and as a response differ."""
    model, _, mode = name.rpartition("-")
    best = {"Input": f"{model}Input", "Output": model}.get(mode, name)
    return name if best in others else best


def _operation(
    route: Route, schemas: dict[Any, Schema], definitions: dict[str, Schema]
) -> dict[str, Any]:
    _, _, description = (getdoc(route.view) or "").partition("\n\n")
    query = schemas.get((route, "query"), {})
    described: dict[str, Any] = {
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(query, definitions),
            *_conditions(route),
        ],
        "responses": _responses(route, schemas, definitions),
    }
    if description:
        described["description"] = description
    if route.contract.end:
        described["deprecated"] = True
    for place, kind in [("body", "application/json"), ("form", "multipart/form-data")]:
        if (route, place) in schemas:
            adapter = adapter_of(route.contract.body) if place == "body" else None
            content = {kind: _with_example(schemas[route, place], definitions, adapter)}
            required = place == "form" or not takes_none(route.contract.body)
            described["requestBody"] = {"required": required, "content": content}
    return described


def _with_example(
    schema: Schema, definitions: dict[str, Schema], adapter: TypeAdapter[Any] | None = None
) -> dict[str, Any]:
    """The *schema*, and an example if there is one, which the *adapter* has to accept."""
    try:
        example = example_of(schema, definitions)
        if adapter:
            adapter.validate_json(to_json(example))
    except Exception:  # NoExample, or whatever a validator of the owner's raises.
        return {"schema": schema}
    return {"schema": schema, "example": example}


def _add_examples(schema: Schema, definitions: dict[str, Schema]) -> None:
    """Give each field of a form an example: Swagger UI ignores one of the whole form."""
    model = definitions.get(schema.get("$ref", "").removeprefix(_SCHEMA), schema)
    for name, field in model.get("properties", {}).items():
        with suppress(NoExample):
            field.setdefault("examples", [example_of(field, definitions, name)])


def _describe_input(schema: Any, definitions: dict[str, Any], seen: set[str]) -> None:
    """Describe that strings have no NUL, which is refused, and that a set may repeat an item."""
    if isinstance(schema, list):
        for each in schema:
            _describe_input(each, definitions, seen)
    if not isinstance(schema, dict):
        return
    if schema.get("uniqueItems") is True:
        del schema["uniqueItems"]
    if schema.get("type") == "string" and not {"pattern", "format", "enum", "const"} & set(schema):
        schema["pattern"] = NO_NUL
    if isinstance(schema.get("additionalProperties"), dict):
        schema.setdefault("propertyNames", {"pattern": NO_NUL})
    target = str(schema.get("$ref", "")).rpartition("/")[2]
    if target and target not in seen:
        seen.add(target)
        _describe_input(definitions[target], definitions, seen)
    for value in schema.values():
        _describe_input(value, definitions, seen)


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name, converter in route.rule._converters.items():
        if f"{{{name}}}" not in route.path:  # It is a variable of the subdomain.
            continue
        schema = dict(_CONVERTERS.get(type(converter).__name__, _TEXT))
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
            "schema": {key: value for key, value in values.items() if key != "explode"},
            **({"explode": values["explode"]} if "explode" in values else {}),
        }


def _conditions(route: Route) -> Iterator[Schema]:
    """The headers that make a request conditional."""
    if route.contract.evaluates_if_match:
        described = _header(_CONDITIONS["If-Match"])
        described["schema"]["pattern"] = rf"^(\*|{_TAG}(, ?{_TAG})*)$"
        described["required"] = route.requires_if_match
        yield {"name": "If-Match", "in": "header", **described}
    if route.evaluates_if_none_match:
        yield {"name": "If-None-Match", "in": "header", **_header(_CONDITIONS["If-None-Match"])}


def _responses(
    route: Route, schemas: dict[Any, Schema], definitions: dict[str, Schema]
) -> dict[str, Any]:
    status = route.contract.status
    always = _usual(*route.contract.end, "X-Request-ID")
    success: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": route.success_headers | always,
    }
    if route.contract.returned:
        content = _with_example(schemas[route, "returned"], definitions)
        success["content"] = {"application/json": content}
    refusals = {
        str(code): {
            "description": title_of(code),
            "headers": _usual(*_SENT_WITH.get(code, ())) | always,
            "content": {PROBLEM_MIMETYPE: {"schema": schemas[None, "problem"]}},
        }
        for code in route.problems
    }
    unchanged = {"description": HTTPStatus(304).phrase, "headers": success["headers"]}
    return {
        str(status): success,
        **({"304": unchanged} if route.evaluates_if_none_match else {}),
        **refusals,
    }


def _usual(*headers: str) -> dict[str, Schema]:
    return {name: _header(_HEADERS[name]) for name in headers}


def _header(text: str) -> Schema:
    return {"description": text, "schema": {"type": "string"}}
