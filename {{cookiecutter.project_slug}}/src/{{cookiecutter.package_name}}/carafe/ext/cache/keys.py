"""The names of things in the cache.

A namespace is what becomes invalid together. Its entries are ``{namespace}:view:{path}``, with
``?{query}`` if arguments count and ``#{headers}`` if request headers do; its token is
``{namespace}:token``. All parts are percent-encoded, so that no two requests share a key; a long
key ends in a digest.
"""

from collections.abc import Callable
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from inspect import isroutine
from inspect import signature
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import urlencode

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


def namespaces_of(sender: Any, *, cascade: bool = True) -> set[str]:
    """All that a write by *sender* makes invalid: its own namespaces and its cascade's."""
    sender = getattr(sender, "view_class", sender)
    own = {namespace_of(sender), *_namespaces_of_methods(sender)}
    others = getattr(sender, "cache_cascade", ()) if cascade else ()
    return own | {namespace_of(other) for other in others}


def _namespaces_of_methods(sender: Any) -> Iterable[str]:
    if isroutine(sender) or isinstance(sender, str):
        return ()
    owner = sender if isinstance(sender, type) else type(sender)
    methods = (getattr(owner, name, None) for name in dir(owner))
    named = (getattr(method, "cache_namespace", None) for method in methods if isroutine(method))
    return [name for name in named if isinstance(name, str)]


@lru_cache(1024)
def token_key(namespace: str) -> str:
    return _short(f"{_escaped(namespace)}:token")


@lru_cache(1024)
def view_key(namespace: str, path: str, query: bytes) -> str:
    """The key of the answer to *path*, with the arguments that count."""
    # The last ":view:" ends the namespace: a path has no colon left.
    key = f"{_escaped(namespace)}:view:{_quoted(path, '/')}"
    pairs = sorted(arguments(query), key=lambda pair: pair[0])
    return _short(f"{key}?{_encoded(pairs)}" if pairs else key)


def variant_key(key: str, headers: Iterable[tuple[str, str]]) -> str:
    """The key of the answer for these values of the headers that it depends on."""
    return _short(f"{key}#{_encoded(headers)}")


def lease_key(key: str, token: str) -> str:
    """What is taken by the one who makes the answer under *key*."""
    return _short(f"{key}#{token}")


def arguments(query: bytes) -> list[tuple[str, str]]:
    """The arguments of a query string; what is no UTF-8 is no other text either."""
    text = query.decode(errors="surrogateescape")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def _encoded(pairs: Iterable[tuple[str, str]]) -> str:
    return urlencode(list(pairs), errors="surrogatepass").replace("~", "%7E")


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass").replace("~", "%7E")


def _escaped(namespace: str) -> str:
    return _quoted(namespace, ":/")


def _short(key: str) -> str:
    """*key*, or if it is long the start and a digest. Only these have a tilde."""
    if len(key) <= LONGEST:
        return key
    digest = sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST - len(digest) - 1]}~{digest}"
