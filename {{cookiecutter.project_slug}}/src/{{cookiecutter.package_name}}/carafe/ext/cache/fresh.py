"""An answer that a view gives now, and whether others may have it."""

import time
from dataclasses import dataclass

from flask import current_app
from flask import Response

from .entry import Entry
from .entry import Head
from .question import Question
from .status import note_miss
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
    reason = _why_not_cached(response, watch, question) if seconds else "it expires at once"
    if reason:
        note_miss(question.request, reason)
        return Fresh(response)
    varies = _varies(response, watch, question)
    response.vary.update(name.title() for name in sorted(varies - {"host"}))
    response.add_etag()
    response.headers.setdefault("Cache-Control", "no-cache")  # Ask me whether it is still true.
    headers = response.get_wsgi_headers(question.request.environ).to_wsgi_list()
    entry = Entry(Head(token, made, response.status_code, headers), response.get_data())
    return Fresh(response, entry, varies, seconds)


def _why_not_cached(response: Response, watch: Watch, question: Question) -> str | None:
    """Why the response must not be given to others, or None if it may."""
    options, control = question.options, response.cache_control
    if response.status_code not in options.statuses:
        return f"its status is {response.status_code}"
    if not options.public and watch.session:
        return "the view read the session, or who is logged in"
    if not options.public and (personal := PERSONAL & (watch.headers | response.vary.as_set())):
        return f"it depends on the header {min(personal).title()}"
    if response.is_streamed or response.direct_passthrough:
        return "it is streamed"
    if control.private or control.no_store or control.no_cache:
        return f"Cache-Control is {control}".replace('"', "'")
    for name in ("Set-Cookie", "Content-Range"):
        if name in response.headers:
            return f"it has the header {name}"
    if "*" in response.vary:
        return "it varies on everything"
    return "it is too large" if len(response.get_data()) > LARGEST else None


def _varies(response: Response, watch: Watch, question: Question) -> frozenset[str]:
    varies = watch.headers | response.vary.as_set()
    host = question.request.host
    texts = [value for _, value in response.headers]
    if host.encode() in response.get_data() or any(host in text for text in texts):
        varies.add("host")  # as in a link to itself
    return frozenset(varies - PERSONAL)
