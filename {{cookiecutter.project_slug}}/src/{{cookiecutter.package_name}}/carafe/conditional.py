"""Conditional requests (RFC 9110, section 13): entity tags, and what a client has already."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from werkzeug.http import parse_date

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')

ANY = ["*"]
"""The tags in ``If-Match: *``, which matches whatever is there."""


def etag_of(body: bytes) -> str:
    """Return the strong entity tag of a representation, the same in every process."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def tags_of(field: str) -> list[str] | None:
    """Return the entity tags in a header, or ``ANY``; None if it is malformed."""
    if field.strip(" \t") == "*":
        return ANY
    others = {part.strip(" \t") for part in _TAG.sub('""', field).split(",")}
    return (_TAG.findall(field) or None) if others <= {"", '""'} else None


def is_known(environ: Mapping[str, Any], etag: str | None, modified: str | None = None) -> bool:
    """Return whether the client of a GET has the response with this ETag or ``Last-Modified``.

    A malformed ``If-None-Match`` is ignored.
    """
    tags = tags_of(environ.get("HTTP_IF_NONE_MATCH", ""))
    if tags is not None:
        known = {tag.removeprefix("W/") for tag in tags}
        return tags == ANY or (etag or "").removeprefix("W/") in known
    since, last = parse_date(environ.get("HTTP_IF_MODIFIED_SINCE")), parse_date(modified)
    return since is not None and last is not None and last <= since
