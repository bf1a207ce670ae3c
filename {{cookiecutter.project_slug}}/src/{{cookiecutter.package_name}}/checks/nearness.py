"""Whether a network lies between us and a server."""

from ipaddress import ip_address


def is_near(host: str | None) -> bool:
    """Whether *host* is this machine, or a neighbour such as another service in compose.yaml."""
    if not host or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return "." not in host
