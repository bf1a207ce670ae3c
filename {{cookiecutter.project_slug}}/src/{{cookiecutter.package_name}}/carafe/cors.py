"""Pages of other sites may read, and write, what this API answers: only those that are listed.

A browser asks before it sends another site's JSON; the answer to that question, and each
answer to a page of a listed site, says yes. Without a list nothing is said, which is a no.

==================== ========= ===========================================================
``CORS_ORIGINS``     ``[]``    a list such as ``["https://app.example.com"]``, or ``["*"]``
``CORS_CREDENTIALS`` ``False`` on: cookies come along; not with ``["*"]``
==================== ========= ===========================================================

What a site may do here is still decided by the views, and by ``ext.csrf``.
"""

from dataclasses import dataclass

from flask import current_app
from flask import Flask
from flask import Response

from .origins import origins
from .reads import current_request
from .reads import environ_of

_EVERY = ["*"]
_ANSWER = {
    "Access-Control-Expose-Headers": "Allow, ETag, Link, Location, Retry-After, X-Request-ID",
}
_ANSWER_TO_QUESTION = {
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID"
    ),
    "Access-Control-Max-Age": "600",  # seconds
}


def init_app(app: Flask) -> None:
    """Let the sites in that *app* lists. Raises ValueError for a list that cannot be meant."""
    app.config.setdefault("CORS_ORIGINS", [])
    app.config.setdefault("CORS_CREDENTIALS", False)
    is_every, credentials = app.config["CORS_ORIGINS"] == _EVERY, app.config["CORS_CREDENTIALS"]
    if is_every and credentials:
        raise ValueError(
            "CORS_ORIGINS is every site, and CORS_CREDENTIALS lets each act for its visitors. "
            "List the sites, or unset CORS_CREDENTIALS."
        )
    listed = frozenset[str]() if is_every else origins(app, "CORS_ORIGINS")
    if is_every or listed:
        sharing = Sharing(listed, credentials)
        app.before_request(sharing.answer)
        app.after_request(sharing.allow)


@dataclass(frozen=True)
class Sharing:
    """The sites that one app lets in; none listed is every site."""

    origins: frozenset[str]
    credentials: bool

    def answer(self) -> Response | None:
        """Answer the question of a browser, before a guard asks who that is."""
        if not _is_question() or current_request().routing_exception:
            return None
        return current_app.make_default_options_response()

    def allow(self, response: Response) -> Response:
        """Say yes to a page of a site that is let in."""
        if self.origins:
            response.vary.add("Origin")
        if allowed := self._allowed():
            response.headers.update(_ANSWER | {"Access-Control-Allow-Origin": allowed})
            if self.credentials:
                response.headers["Access-Control-Allow-Credentials"] = "true"
            if _is_question():
                methods = response.headers.get("Allow", "")
                response.headers.update(_ANSWER_TO_QUESTION)
                response.headers["Access-Control-Allow-Methods"] = methods
        return response

    def _allowed(self) -> str | None:
        if not self.origins:
            return "*"
        origin = environ_of(current_request()).get("HTTP_ORIGIN")
        return origin if origin in self.origins else None


def _is_question() -> bool:
    request = current_request()
    wanted = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"
    return request.method == "OPTIONS" and wanted in environ_of(request)
