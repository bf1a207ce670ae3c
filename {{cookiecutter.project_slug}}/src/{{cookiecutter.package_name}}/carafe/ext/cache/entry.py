"""One cached answer, as bytes: a line of JSON, and the body."""

import secrets
from dataclasses import dataclass

from flask import current_app
from pydantic import TypeAdapter
from pydantic import ValidationError
from pydantic_core import to_json
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

TOKEN_TIMEOUT = 30 * 24 * 3600
"""Seconds a token lives. Zero would make some backends evict it first."""


def new_token() -> str:
    """Random, so that no token that was lost ever comes back."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Head:
    """What an answer is besides its body, and the tokens it was made under."""

    tokens: list[str]
    status: int
    headers: list[tuple[str, str]]


_HEAD = TypeAdapter(Head)


def pack(tokens: list[str], response: Response) -> bytes:
    head = Head(tokens, response.status_code, list(response.headers))
    return to_json(head) + b"\n" + response.get_data()


def unpack(entry: object, tokens: list[object]) -> Response | None:
    """The answer in *entry*, if it was made under these tokens; None for anything else."""
    if not isinstance(entry, bytes):
        return None
    line, _, body = entry.partition(b"\n")
    try:
        head = _HEAD.validate_json(line)
        headers = Headers(head.headers)
    except (ValidationError, ValueError):
        return None
    if head.tokens != tokens:
        return None
    return current_app.response_class(body, head.status, headers)
