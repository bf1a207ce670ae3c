"""The database: how it is reached, and what state it is in."""

import os
from collections.abc import Iterator
from pathlib import Path

from flask import Flask
from sqlalchemy import make_url
from sqlalchemy import URL

from ..database import db
from ..database import fault
from ..database import UNAVAILABLE
from ..database import UNMIGRATED
from ..secret_key import is_known
from .nearness import is_near

_ENCRYPTED = {"require", "verify-ca", "verify-full"}

LONGEST = 10.0
"""Seconds, after which nobody waits any more."""


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    yield from _sqlite(url) if url.get_backend_name() == "sqlite" else _server(url)
    if app.config["DATABASE_TIMEOUT"] > LONGEST:
        yield "DATABASE_TIMEOUT: requests pile up while the database is unavailable; set 1.5"
    for name in ("SQLALCHEMY_ECHO", "SQLALCHEMY_RECORD_QUERIES"):
        if app.config[name]:
            yield f"{name}: data of others is written down; unset it"
    if not db.engine.hide_parameters:
        yield "SQLALCHEMY_ENGINE_OPTIONS: data is written into errors; set hide_parameters"
    yield from _state(app)


def _sqlite(url: URL) -> Iterator[str]:
    if url.database in {None, "", ":memory:"}:
        yield "DATABASE_URL: all is lost when the process ends; name a file, or PostgreSQL"
    elif int(os.environ.get("WEB_CONCURRENCY", "1")) > 1:
        yield "DATABASE_URL: SQLite lets one worker write at a time; name PostgreSQL"


def _server(url: URL) -> Iterator[str]:
    if url.password and (is_known(url.password) or url.password in {url.username, "postgres"}):
        yield "DATABASE_URL: everybody knows its secret; make another"
    if all(map(is_near, (url.host or "").split(","))):
        return
    if not (url.password or os.environ.get("PGPASSWORD") or os.environ.get("PGPASSFILE")):
        yield "DATABASE_URL: it has no secret; put one in it, or set PGPASSWORD"
    if url.query.get("sslmode", os.environ.get("PGSSLMODE")) not in _ENCRYPTED:
        yield "DATABASE_URL: data travels in clear; add ?sslmode=verify-full"


def _state(app: Flask) -> Iterator[str]:
    if not Path(app.extensions["migrate"].directory).is_dir():
        yield "migrations: the folder is not here; start the command beside it"
    found = fault()
    if found == UNAVAILABLE:
        yield "DATABASE_URL: the database does not answer; start it, or name another"
    if found == UNMIGRATED:
        yield "DATABASE_URL: migrations are missing; run flask db upgrade"
