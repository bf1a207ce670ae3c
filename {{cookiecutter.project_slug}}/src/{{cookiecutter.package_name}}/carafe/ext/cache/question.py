"""What a request asks of a cached view."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from flask import current_app
from flask import Request

from .call import Call
from .call import Options
from .keys import token_key
from .keys import variant_key
from .keys import view_key


@dataclass(slots=True)
class Question:
    """A request for a cached view, and what of it makes a difference.

    *query* holds the arguments that count, *key* names the answer before any header does, and
    *token_key* the token of its namespace.
    """

    request: Request
    call: Call
    options: Options
    query: bytes
    key: str
    token_key: str

    @classmethod
    def of(
        cls, request: Request, call: Call, options: Options, ignored: frozenset[str]
    ) -> "Question":
        namespace = options.namespace or call.namespace
        query = _counted(request.query_string, options, ignored)
        key = view_key(namespace, request.path, query)
        return cls(request, call, options, query, key, token_key(namespace))

    @classmethod
    def expected(cls, request: Request, ignored: frozenset[str]) -> "Question | None":
        """What the view of *request* will be asked, if it is a cached one."""
        view = current_app.view_functions.get(request.endpoint or "")
        view_class = getattr(view, "view_class", None)
        method = view if view_class is None else getattr(view_class, "get", None)
        declared: tuple[Any, Options] | None = getattr(method, "cached_view", None)
        if declared is None:
            return None
        cached, options = declared
        if options.unless or goes_around(request, options):
            return None
        call = Call(cached, cached, () if view_class is None else (view_class,), {})
        return cls.of(request, call, options, ignored)

    def variant(self, names: list[str]) -> str:
        """The key of the answer, which depends on the request headers *names*."""
        if not names:
            return self.key
        headers = self.request.headers
        return variant_key(
            self.key, [(name, f"={headers[name]}" if name in headers else "") for name in names]
        )


def goes_around(request: Request, options: Options) -> str | None:
    """Why the cache has nothing to say to *request*, or None if it has."""
    environ = request.environ
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return "the method is not GET"
    if "HTTP_AUTHORIZATION" in environ and not options.public:
        return "the request has credentials"
    if environ.get("CONTENT_LENGTH", "0") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in environ:
        return "the request has a body"
    return "the timeout is 0" if options.seconds == 0 else None


def _counted(query: bytes, options: Options, ignored: frozenset[str]) -> bytes:
    if not query or (options.include_request_args is True and not ignored):
        return query
    return b"&".join(
        piece
        for piece in query.split(b"&")
        if (name := _name(piece)) not in ignored and options.counts(name)
    )


def _name(piece: bytes) -> str:
    return unquote_plus(piece.partition(b"=")[0].decode(errors="surrogateescape"))
