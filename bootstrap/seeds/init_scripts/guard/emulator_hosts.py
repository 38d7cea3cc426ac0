"""Which addresses an init script means its emulator by, and which are somebody else's.

It is also imported by the Pythons that scripts start, whatever their version: standard library and old syntax only.
"""

import ipaddress
from urllib.parse import urlsplit, urlunsplit

_LOCALSTACK = "localhost.localstack.cloud"
# Names that no public host has: of this machine, of a container's network, or of a cluster.
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".localdomain", ".svc", ".test", "." + _LOCALSTACK)
# Not `is_private`: that also holds link-local addresses, where a cloud's metadata server answers.
_NETWORKS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
SERVICE_PORT = 4566


def is_emulator(host: str) -> bool:
    """Whether a script that names this host means its emulator: this machine, a container, LocalStack's own name."""
    name = host.strip("[]").lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # A name without a dot is a container or a service beside the script, in the place that it was written for.
        return "." not in name or name == _LOCALSTACK or name.endswith(_LOCAL_SUFFIXES)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified or any(address in network for network in _NETWORKS)


def host_of(url: str) -> str:
    """The host of a URL, or of `HOST:PORT`; empty if none can be read."""
    try:
        return urlsplit(url if "://" in url else "http://" + url).hostname or ""
    except ValueError:
        return ""


def with_emulator(url: str, emulator: str) -> str:
    """The URL with the emulator's scheme, host and port, and its own path and query."""
    here = urlsplit(url if "://" in url else "http://" + url)
    there = urlsplit(emulator)
    return urlunsplit((there.scheme, there.netloc, here.path, here.query, here.fragment))
