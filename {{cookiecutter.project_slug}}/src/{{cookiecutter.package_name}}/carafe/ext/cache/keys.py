"""The names of things in the cache.

A namespace is what becomes invalid together. Its entries are ``{namespace}:view:{path}``, and
``?{query}`` if arguments count; its token is ``{namespace}:token``. Path and query are
percent-encoded, so that no two requests share a key; a long key ends in a digest.
"""

from collections.abc import Callable
from collections.abc import Iterable
from hashlib import sha256
from inspect import isroutine
from inspect import signature
from typing import Any
from urllib.parse import quote
from urllib.parse import urlencode

from werkzeug.wrappers import Request

LONGEST = 200
"""Bytes of a key, without ``CACHE_KEY_PREFIX``; Memcached takes 250 with it."""


def namespace_of(view: Any) -> str:
    """The namespace of a view: a class, an instance, a function, or the name itself."""
    if isinstance(view, str):
        return view
    view = getattr(view, "view_class", view)
    owner = view if isinstance(view, type) or isroutine(view) else type(view)
    declared = getattr(owner, "cache_namespace", None)
    if callable(declared):
        declared = _asked(declared, owner)
    return str(declared or owner.__name__)


def _asked(declared: Callable[..., Any], owner: Any) -> Any:
    return declared(owner) if signature(declared).parameters else declared()


def namespaces_of(sender: Any) -> set[str]:
    """All that a write by *sender* makes invalid: its own namespaces and its cascade's."""
    sender = getattr(sender, "view_class", sender)
    own = {namespace_of(sender), *_namespaces_of_methods(sender)}
    cascade = getattr(sender, "cache_cascade", ())
    return own | {namespace_of(other) for other in cascade}


def _namespaces_of_methods(sender: Any) -> Iterable[str]:
    if isroutine(sender) or isinstance(sender, str):
        return ()
    owner = sender if isinstance(sender, type) else type(sender)
    methods = (getattr(owner, name, None) for name in dir(owner))
    named = (getattr(method, "cache_namespace", None) for method in methods if isroutine(method))
    return [name for name in named if isinstance(name, str)]


def token_key(namespace: str) -> str:
    return _short(f"{_escaped(namespace)}:token")


def view_key(namespace: str, request: Request, arguments: Callable[[str], bool]) -> str:
    """The key of *request*; *arguments* tells which query arguments count."""
    # The last ":view:" ends the namespace: a path has no colon left.
    key = f"{_escaped(namespace)}:view:{quote(request.path, safe='/')}"
    pairs = [pair for pair in request.args.items(multi=True) if arguments(pair[0])]
    query = urlencode(sorted(pairs, key=lambda pair: pair[0]), errors="surrogatepass")
    return _short(f"{key}?{query}" if query else key)


def _escaped(namespace: str) -> str:
    return quote(namespace, safe=":/", errors="surrogatepass")


def _short(key: str) -> str:
    if len(key) <= LONGEST:
        return key
    digest = sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST - len(digest) - 1]}~{digest}"
