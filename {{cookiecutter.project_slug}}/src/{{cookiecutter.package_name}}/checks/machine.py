"""Where the process runs: its files, and what stands before it."""

import os
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

MOST_HOPS = 4


def faults(app: Flask) -> Iterator[str]:
    """What is wrong around *app*."""
    hops, hosts = app.config["PROXY_HOPS"], app.config["TRUSTED_HOSTS"]
    if not 0 <= hops <= MOST_HOPS:
        yield "PROXY_HOPS: clients can choose their address; set how many proxies there are"
    if hops and not hosts:
        yield "TRUSTED_HOSTS: clients choose the host of links; list the names of the API"
    if any(host.strip(".*") == "" or "/" in host for host in hosts or ()):
        yield "TRUSTED_HOSTS: one is not a name, or every name; list the names of the API"
    if _is_open(Path(".env")):
        yield ".env: others can read it; chmod 600 .env"


def _is_open(path: Path) -> bool:
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & 0o077)
