"""What a request asks of a cached view."""

from dataclasses import dataclass
from urllib.parse import unquote_plus

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

    def variant(self, names: list[str]) -> str:
        """The key of the answer, which depends on the request headers *names*."""
        if not names:
            return self.key
        headers = self.request.headers
        return variant_key(
            self.key, [(name, f"={headers[name]}" if name in headers else "") for name in names]
        )


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
