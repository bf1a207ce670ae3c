"""What Flask itself is told."""

from collections.abc import Iterator

from flask import Flask

from ..secret_key import is_weak

LARGEST_BODY = 64 * 1024 * 1024


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    yield from _modes(app)
    yield from _keys(app)
    if not 0 < (app.config["MAX_CONTENT_LENGTH"] or 0) <= LARGEST_BODY:
        yield "MAX_CONTENT_LENGTH: a request can fill the memory; set 1048576, or what you need"


def _modes(app: Flask) -> Iterator[str]:
    if app.config["ENVIRONMENT"] != "production":
        yield "ENVIRONMENT: it is development; set FLASK_ENVIRONMENT=production"
    if app.debug:
        yield "DEBUG: it shows the code to everybody; unset FLASK_DEBUG"
    if app.testing:
        yield "TESTING: an error ends the request without an answer; unset FLASK_TESTING"
    if app.config["PROPAGATE_EXCEPTIONS"]:
        yield "PROPAGATE_EXCEPTIONS: an error has no answer; unset FLASK_PROPAGATE_EXCEPTIONS"
    if app.config["TRAP_HTTP_EXCEPTIONS"]:
        yield "TRAP_HTTP_EXCEPTIONS: refusals become errors; unset FLASK_TRAP_HTTP_EXCEPTIONS"
    if app.config["TRAP_BAD_REQUEST_ERRORS"]:
        yield "TRAP_BAD_REQUEST_ERRORS: refusals become errors; unset FLASK_TRAP_BAD_REQUEST_ERRORS"


def _keys(app: Flask) -> Iterator[str]:
    key, fallbacks = app.config["SECRET_KEY"], app.config["SECRET_KEY_FALLBACKS"] or []
    if is_weak(key):
        yield "SECRET_KEY: it can be guessed; make one with secrets.token_urlsafe(48)"
    if any(map(is_weak, fallbacks)):
        yield "SECRET_KEY_FALLBACKS: one can be guessed; take it out"
    if key in fallbacks:
        yield "SECRET_KEY_FALLBACKS: the new key is among the old ones; take it out"
