# feature: session or auth
"""Cookies, and writes that come from other sites."""

from collections.abc import Iterator
from datetime import timedelta

from flask import Flask

from .origins import is_in_clear

LONGEST = timedelta(days=90)


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    config = app.config
    if not config["SESSION_COOKIE_SECURE"]:
        yield "SESSION_COOKIE_SECURE: the cookie is sent in clear; unset it"
    if not config["SESSION_COOKIE_HTTPONLY"]:
        yield "SESSION_COOKIE_HTTPONLY: scripts can read the cookie; unset it"
    if config["SESSION_COOKIE_SAMESITE"] not in {"Lax", "Strict"}:
        yield "SESSION_COOKIE_SAMESITE: other sites send the cookie; unset it"
    if not config["SESSION_COOKIE_NAME"].startswith("__Host-"):
        yield "SESSION_COOKIE_NAME: a subdomain can plant the cookie; start it with __Host-"
    if config["SESSION_COOKIE_DOMAIN"] or config["SESSION_COOKIE_PATH"] not in {None, "/"}:
        yield "SESSION_COOKIE_DOMAIN: browsers refuse it, or its path, with __Host-; unset both"
    if app.permanent_session_lifetime > LONGEST:
        yield "PERMANENT_SESSION_LIFETIME: a stolen cookie works for long; set 90 days at most"
    if not config["CARAFE_CSRF_ENABLED"]:
        yield "CARAFE_CSRF_ENABLED: other sites can write with the cookies of a visitor; unset it"
    if config["CARAFE_CSRF_FORMS"]:
        yield "CARAFE_CSRF_FORMS: any page can send a form; unset it"
    trusted = set(config["CARAFE_CSRF_TRUSTED_ORIGINS"]).difference(config["CORS_ORIGINS"])
    if any(map(is_in_clear, trusted)):
        yield "CARAFE_CSRF_TRUSTED_ORIGINS: whoever is on the way can speak for one; use https://"
