"""The names of things in the cache.

A namespace is what is invalidated together. Its entries are ``{namespace}:view:{path}``, with
``?{query}`` if arguments count, ``@{root}`` below a path of its own and ``#{headers}`` if request
headers do; its token is ``{namespace}:token``. All parts are percent-encoded, so that no two
requests share a key.
"""

from collections.abc import Iterator
from functools import lru_cache
from inspect import isroutine
from inspect import signature
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlencode

from flask import Flask


def class_of(function: Any) -> type | None:
    """Return the class of a view function: Flask's know it, Flask-Classful's an instance of it."""
    instance = getattr(function, "class_", None)
    view_class: type | None = getattr(function, "view_class", instance and type(instance))
    return view_class


def namespace_of(view: Any) -> str:
    """Return the namespace of a view: a class, an instance, a function, or the name itself."""
    if isinstance(view, str):
        return view
    view = getattr(view, "view_class", view)
    owner: Any = view if isinstance(view, type) or isroutine(view) else type(view)
    given = getattr(getattr(view, "cached_view", None), "namespace", None)
    declared = getattr(view, "cache_namespace", None) or given
    if callable(declared):
        # Where there is no instance yet, a method's self is one that was not initialized.
        instance = object.__new__(view) if isinstance(view, type) else view
        declared = owner.cache_namespace
        declared = declared(instance) if signature(declared).parameters else declared()
    return str(declared or owner.__name__)


def namespaces_of(app: Flask, sender: Any, *, cascade: bool = True) -> set[str]:
    """Return all namespaces that a write by *sender* invalidates.

    They are its own, those of the views that it inherits from, and those of its cascade.
    """
    sender = getattr(sender, "view_class", sender)
    found = {namespace_of(sender)}
    if not (isinstance(sender, str) or isroutine(sender)):
        for view in (sender, *bases_of(app, sender if isinstance(sender, type) else type(sender))):
            found |= {namespace_of(view), *_given(view if isinstance(view, type) else type(view))}
    if cascade:
        found.update(map(namespace_of, getattr(sender, "cache_cascade", ())))
    return found


def bases_of(app: Flask, view: Any) -> list[type]:
    """Return the classes that a view inherits from and that are views of *app* themselves."""
    views = {class_of(function) for function in app.view_functions.values()}
    return [base for base in getattr(view, "__mro__", ())[1:] if base in views]


def _given(view_class: type) -> Iterator[str]:
    """The namespaces that the decorators of a class, or of its methods, were given."""
    methods = filter(isroutine, (getattr(view_class, name, None) for name in dir(view_class)))
    decorators = [getattr(method, "cached_view", None) for method in methods]
    for decorator in (*decorators, *getattr(view_class, "decorators", ())):
        namespace = getattr(decorator, "namespace", None)
        if isinstance(namespace, str):
            yield namespace


@lru_cache(1024)
def token_key(namespace: str) -> str:
    return f"{_quoted(namespace, ':/')}:token"


@lru_cache(1024)
def view_key(namespace: str, path: str, query: bytes, root: str = "") -> str:
    """The key of the response to *path* below *root*, with the arguments that count."""
    # The last ":view:" ends the namespace: a path has no colon left.
    key = f"{_quoted(namespace, ':/')}:view:{_quoted(path, '/')}"
    if root:
        key += f"@{_quoted(root, '/')}"
    pairs = sorted(arguments(query), key=lambda pair: pair[0])
    return f"{key}?{urlencode(pairs, errors='surrogatepass')}" if pairs else key


def variant_key(key: str, headers: list[tuple[str, str]]) -> str:
    """The key of the response for these values of what it varies on."""
    return f"{key}#{urlencode(headers, errors='surrogatepass')}"


def lease_key(key: str, token: str) -> str:
    """The key of the lease of the process that makes the entry under *key*."""
    return f"{key}#{token}"


def arguments(query: bytes) -> list[tuple[str, str]]:
    """The arguments of a query string; different bytes that are not UTF-8 stay different."""
    text = query.decode(errors="surrogateescape")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")
