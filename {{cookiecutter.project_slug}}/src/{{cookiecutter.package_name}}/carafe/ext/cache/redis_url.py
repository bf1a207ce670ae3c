"""Where several Redis servers are: ``redis+sentinel://`` and ``redis+cluster://``.

``redis+sentinel://user:password@host:26379,host:26379/service/0`` names the sentinels, the
service they watch and the number of the database; ``redis+cluster://host:7000,host:7001`` some
nodes of a cluster. ``rediss+`` is the same over TLS. User and password are those of the servers
that hold the data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RedisUrl:
    """The addresses, the parts of the path, and what else redis-py is to be told."""

    addresses: list[tuple[str, int]]
    path: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str, port: int) -> "RedisUrl":
        """*port* is that of an address without one. Raises ValueError if there is none at all."""
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        options: dict[str, Any] = {"ssl": True} if parts.scheme.startswith("rediss") else {}
        if user:
            options["username"] = unquote(user)
        if password:
            options["password"] = unquote(password)
        path = [unquote(part) for part in parts.path.split("/") if part]
        return cls(addresses(hosts.split(","), port), path, options)

    def part(self, index: int, default: Any) -> Any:
        """A part of the path, if there is one."""
        return self.path[index] if index < len(self.path) else default


def addresses(hosts: Iterable[str], port: int) -> list[tuple[str, int]]:
    """``host``, ``host:port`` and ``[::1]:port`` as pairs."""
    split = [urlsplit(f"//{host.strip()}") for host in hosts]
    found = [(part.hostname, part.port or port) for part in split if part.hostname]
    if not found:
        raise ValueError("A Redis address has no host. Name at least one host:port.")
    return found
