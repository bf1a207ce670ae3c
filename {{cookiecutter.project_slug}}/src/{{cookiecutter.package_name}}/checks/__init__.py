"""``flask check-deploy``: what is wrong with the settings, for a process that everybody can reach.

One line for each fault: the setting and the remedy, never a value. What is worse than that, as a
key that can be guessed, does not even start in production.
"""

from collections.abc import Callable
from collections.abc import Iterator

import click
from flask import current_app
from flask import Flask
from flask.cli import with_appcontext

from . import application
from . import cookies  # feature: session or auth
from . import demo  # feature: auth
from . import log  # feature: logger
from . import machine
from . import origins
from . import redis  # feature: cache
from . import store

CHECKS: tuple[Callable[[Flask], Iterator[str]], ...] = (
    application.faults,
    machine.faults,
    origins.faults,
    cookies.faults,  # feature: session or auth
    log.faults,  # feature: logger
    redis.faults,  # feature: cache
    store.faults,
    demo.faults,  # feature: auth
)


@click.command("check-deploy")
@with_appcontext
def check_deploy() -> None:
    """Look for settings that are not fit for production."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    faults = [fault for check in CHECKS for fault in check(app)]
    for fault in faults:
        click.echo(fault)
    if faults:
        raise SystemExit(1)
