"""An answer that a view gives now, and whether others may have it."""

import time
from dataclasses import dataclass

from flask import current_app
from flask import Response

from .entry import Entry
from .entry import Head
from .question import Question
from .timeouts import kept_for
from .watch import PERSONAL
from .watch import Watch
from .watch import watched

LARGEST = 1024 * 1024
"""Bytes of a body that is worth keeping."""


@dataclass(frozen=True)
class Fresh:
    """A response; *entry* is what to keep of it for *seconds*, or None.

    It is an answer to the requests that have the same values of the headers it *varies* on.
    """

    response: Response
    entry: Entry | None = None
    varies: frozenset[str] = frozenset()
    seconds: int = 0


def ask(question: Question, token: str, seconds: int) -> Fresh:
    """Run the view, whose answer may be kept for *seconds* under *token*."""
    made = int(time.time())
    with watched(question.request, question.query) as watch:
        response = current_app.make_response(question.call())
    seconds = kept_for(response, seconds)
    if not seconds or not _is_for_others(response, watch, question):
        return Fresh(response)
    varies = _varies(response, watch, question)
    response.vary.update(name.title() for name in sorted(varies - {"host"}))
    response.add_etag()
    response.headers.setdefault("Cache-Control", "no-cache")  # Ask me whether it is still true.
    headers = response.get_wsgi_headers(question.request.environ).to_wsgi_list()
    entry = Entry(Head(token, made, response.status_code, headers), response.get_data())
    return Fresh(response, entry, varies, seconds)


def _is_for_others(response: Response, watch: Watch, question: Question) -> bool:
    options, control = question.options, response.cache_control
    return (
        response.status_code in options.statuses
        and (options.public or not watch.is_personal)
        and (options.public or not PERSONAL & set(response.vary.as_set()))
        and not (response.is_streamed or response.direct_passthrough)
        and not (control.private or control.no_store or control.no_cache)
        and not any(name in response.headers for name in ("Set-Cookie", "Content-Range"))
        and "*" not in response.vary
        and len(response.get_data()) <= LARGEST
    )


def _varies(response: Response, watch: Watch, question: Question) -> frozenset[str]:
    varies = watch.headers | response.vary.as_set()
    host = question.request.host
    texts = [value for _, value in response.headers]
    if host.encode() in response.get_data() or any(host in text for text in texts):
        varies.add("host")  # as in a link to itself
    return frozenset(varies - PERSONAL)
