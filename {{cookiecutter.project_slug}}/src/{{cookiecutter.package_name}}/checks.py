"""``flask check-deploy``: settings that are not fit for production.

One line for each fault: the setting and the remedy, never a value. With worse settings, such as a
key that can be guessed, production does not even start.
"""

import logging  # feature: logger
import os
from collections.abc import Iterator
from datetime import timedelta  # feature: session or auth
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask import current_app
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError  # feature: auth

from .accounts.commands import ADMIN  # feature: auth
from .accounts.passwords import find_user  # feature: auth
from .carafe.ext.logger.settings import FileOptions  # feature: logger
from .carafe.ext.logger.settings import MailOptions  # feature: logger
from .database import db
from .database import fault
from .database import UNAVAILABLE
from .database import UNMIGRATED
from .settings import is_placeholder
from .settings import is_weak

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_HOPS = 4
MAX_DATABASE_SECONDS = 10.0
MAX_LIFETIME = timedelta(days=90)  # feature: session or auth

EXPECTED: list[tuple[str, object, str]] = [
    ("ENVIRONMENT", "production", "it is development; set FLASK_ENVIRONMENT=production"),
    ("DEBUG", False, "it shows the code to everybody; unset FLASK_DEBUG"),
    ("TESTING", False, "an error ends the request without a response; unset FLASK_TESTING"),
    ("PROPAGATE_EXCEPTIONS", False, "errors get no response; unset FLASK_PROPAGATE_EXCEPTIONS"),
    ("TRAP_HTTP_EXCEPTIONS", False, "refusals become 500s; unset FLASK_TRAP_HTTP_EXCEPTIONS"),
    ("TRAP_BAD_REQUEST_ERRORS", False, "refusals become 500s; unset it"),
    ("SQLALCHEMY_ECHO", False, "personal data is logged; unset it"),
    ("SQLALCHEMY_RECORD_QUERIES", False, "personal data is recorded; unset it"),
    ("SESSION_COOKIE_SECURE", True, "it is sent unencrypted; unset it"),  # feature: session or auth
    ("SESSION_COOKIE_HTTPONLY", True, "scripts can read it; unset it"),  # feature: session or auth
    ("CARAFE_CSRF_ENABLED", True, "other sites can write; unset it"),  # feature: session or auth
    ("CARAFE_CSRF_FORMS", False, "any page can send them; unset it"),  # feature: session or auth
]
"""Settings, their expected values, and what is wrong with others."""


@click.command("check-deploy")
@with_appcontext
def check_deploy() -> None:
    """Look for settings that are not fit for production."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    found = list(faults(app))
    for line in found:
        click.echo(line)
    if found:
        raise SystemExit(1)


def faults(app: Flask) -> Iterator[str]:
    """Yield what is wrong with the settings of *app* and around it."""
    for key, expected, remedy in EXPECTED:
        value = app.config[key]
        if (value if isinstance(expected, str) else bool(value)) != expected:
            yield f"{key}: {remedy}"
    yield from _secrets(app)
    yield from _requests(app)
    yield from _cookies(app)  # feature: session or auth
    yield from _logs(app)  # feature: logger
    yield from _cache(app)  # feature: cache
    yield from _database(app)
    yield from _accounts()  # feature: auth


def _secrets(app: Flask) -> Iterator[str]:
    key, fallbacks = app.config["SECRET_KEY"], app.config["SECRET_KEY_FALLBACKS"] or []
    if is_weak(key):
        yield "SECRET_KEY: it can be guessed; make one with secrets.token_urlsafe(48)"
    if any(map(is_weak, fallbacks)):
        yield "SECRET_KEY_FALLBACKS: one can be guessed; take it out"
    if key in fallbacks:
        yield "SECRET_KEY_FALLBACKS: the new key is among the old ones; take it out"
    env = Path(".env")
    if os.name == "posix" and env.exists() and env.stat().st_mode & 0o077:
        yield ".env: others can read it; chmod 600 .env"


def _requests(app: Flask) -> Iterator[str]:
    hops, hosts = app.config["PROXY_HOPS"], app.config["TRUSTED_HOSTS"]
    if not 0 < (app.config["MAX_CONTENT_LENGTH"] or 0) <= MAX_BODY_BYTES:
        yield "MAX_CONTENT_LENGTH: a request can fill the memory; set 1048576, or what you need"
    if hops is None:
        yield "PROXY_HOPS: behind a proxy, all clients have one IP address; set it, if only to 0"
    elif not 0 <= hops <= MAX_HOPS:
        yield "PROXY_HOPS: clients can choose their IP address; set how many proxies there are"
    if app.config["PROXY_PREFIX_HOPS"] > (hops or 0):
        yield "PROXY_PREFIX_HOPS: clients choose the path of links; set it to PROXY_HOPS at most"
    if hops and not hosts:
        yield "TRUSTED_HOSTS: clients choose the host of links; list the names of the API"
    if "*" in app.config["CORS_ORIGINS"]:
        yield "CORS_ORIGINS: every site may read the responses; list your own"
    if any(map(_is_insecure, app.config["CORS_ORIGINS"])):
        yield "CORS_ORIGINS: an attacker on the network can impersonate one; use https://"


def _cookies(app: Flask) -> Iterator[str]:  # feature: session or auth
    config = app.config
    same_site = config["SESSION_COOKIE_SAMESITE"]
    domain, path = config["SESSION_COOKIE_DOMAIN"], config["SESSION_COOKIE_PATH"]
    trusted = {*config["CARAFE_CSRF_TRUSTED_ORIGINS"]} - {*config["CORS_ORIGINS"]}
    if str(same_site).title() not in {"Lax", "Strict"}:
        yield "SESSION_COOKIE_SAMESITE: other sites send it; unset it"
    if not str(config["SESSION_COOKIE_NAME"]).startswith("__Host-"):
        yield "SESSION_COOKIE_NAME: subdomains can set it; start it with __Host-"
    if domain or path not in {None, "/"}:
        yield "SESSION_COOKIE_DOMAIN: __Host- allows none, and no path; unset both"
    elif app.session_interface.get_cookie_path(app) != "/":
        yield "APPLICATION_ROOT: __Host- allows no path; set FLASK_SESSION_COOKIE_PATH=/"
    if not timedelta(0) < app.permanent_session_lifetime <= MAX_LIFETIME:
        yield "PERMANENT_SESSION_LIFETIME: it is long; set 7776000 seconds (90 days) at most"
    if any(map(_is_insecure, trusted)):
        yield "CARAFE_CSRF_TRUSTED_ORIGINS: an attacker on the network can impersonate one; use https://"


def _logs(app: Flask) -> Iterator[str]:  # feature: logger
    for handler in app.extensions["carafe.logger"].handlers:
        options, is_mail = handler.options, isinstance(handler.options, MailOptions)
        lowest = "WARNING" if is_mail else "INFO"
        if options.level < logging.getLevelName(lowest):
            yield f"{options.prefix}LEVEL: it logs too much; set {lowest}"
        if isinstance(options, FileOptions):
            for key in ("maxbytes", "backupcount"):
                if not getattr(options, key):
                    yield f"{options.prefix}{key.upper()}: the file grows forever; unset it"
        if is_mail and options.tls == "none" and not _is_local(options.server):
            yield f"{options.prefix}USE_TLS: mail is sent unencrypted; set true"


def _cache(app: Flask) -> Iterator[str]:  # feature: cache
    url, is_enabled = app.config.get("CACHE_REDIS_URL"), app.config["CARAFE_CACHE_ENABLED"]
    if not url and is_enabled:
        in_memory = app.config.get("CACHE_TYPE") == "SimpleCache"
        reason = "each process has its own cache" if in_memory else "nothing is cached"
        yield f"REDIS_URL: {reason}; set it, or FLASK_CARAFE_CACHE_ENABLED=false"
    parts = urlsplit(url or "")
    credentials, _, hosts = parts.netloc.rpartition("@")
    names = [urlsplit(f"//{address}").hostname for address in hosts.split(",")]
    if parts.scheme.startswith("unix") or all(map(_is_local, names)):
        return
    if not parts.scheme.startswith("rediss"):
        yield "REDIS_URL: cached data travels unencrypted; use rediss://"
    if ":" not in credentials:
        yield "REDIS_URL: everybody can write to the server; add credentials"


def _database(app: Flask) -> Iterator[str]:
    for key, engine in db.engines.items():
        name = "DATABASE_URL" if key is None else f"SQLALCHEMY_BINDS {key!r}"
        find = _BY_DATABASE.get(engine.dialect.name, lambda url: ())
        yield from (f"{name}: {found}" for found in find(engine.url))
        if not engine.hide_parameters:
            options = "SQLALCHEMY_ENGINE_OPTIONS" if key is None else name
            yield f"{options}: errors show data; set hide_parameters"
    if app.config["DATABASE_TIMEOUT"] > MAX_DATABASE_SECONDS:
        yield "DATABASE_TIMEOUT: requests pile up while the database is unavailable; set 1.5"
    if not Path(app.extensions["migrate"].directory).is_dir():
        yield "migrations: the folder is missing; run the command where it is"
    found = fault()
    if found == UNAVAILABLE:
        yield "DATABASE_URL: a database does not respond; start it, or name another"
    if found == UNMIGRATED:
        yield "DATABASE_URL: migrations are missing; run flask db upgrade"


def _sqlite(url: URL) -> Iterator[str]:
    if url.database in {None, "", ":memory:"}:
        yield "all data is lost when the process ends; name a file, or PostgreSQL"
    elif os.environ.get("WEB_CONCURRENCY") != "1":
        yield "SQLite lets one worker write; use PostgreSQL, or set WEB_CONCURRENCY=1"


def _postgresql(url: URL) -> Iterator[str]:
    secret = url.password or os.environ.get("PGPASSWORD")
    if secret and (is_placeholder(secret) or secret in {url.username, "postgres"}):
        yield "its secret is well known; choose another"
    host = url.host or url.query.get("host") or os.environ.get("PGHOST", "")
    if all(map(_is_local, str(host).split(","))):
        return
    if not (secret or os.environ.get("PGPASSFILE")):
        yield "it has no secret; add one, or set PGPASSWORD"
    mode = url.query.get("sslmode", os.environ.get("PGSSLMODE"))
    if mode not in {"require", "verify-ca", "verify-full"}:
        yield "data travels unencrypted; add ?sslmode=verify-full"


_BY_DATABASE = {"sqlite": _sqlite, "postgresql": _postgresql}


def _accounts() -> Iterator[str]:  # feature: auth
    try:
        user = find_user(ADMIN)
    except SQLAlchemyError:  # The check of the database reports this.
        db.session.rollback()
        return
    if user is not None and user.active:
        yield "DATABASE_URL: the demo user is active; run flask users disable"


def _is_insecure(origin: str) -> bool:
    """Return whether *origin* is reached over a network without encryption."""
    parts = urlsplit(origin)
    return parts.scheme == "http" and not _is_local(parts.hostname)


def _is_local(host: str | None) -> bool:
    """Return whether *host* is this machine, or a neighbor such as a service in compose.yaml."""
    if not host or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return "." not in host
