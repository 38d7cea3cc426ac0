"""Which addresses an emulator may have; decided from numbers, never from names."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from bootstrap.errors import RefusedError

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str], Sequence[str]]
"""A name → all its addresses, as text."""

_LOOPBACK = tuple(ipaddress.ip_network(net) for net in ("127.0.0.0/8", "::1/128"))
# Not `is_private`: that also holds link-local addresses, where a cloud's metadata server answers.
_PRIVATE = tuple(ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))


class Trust(Enum):
    """How an endpoint came to us, which decides where it may be."""

    LOOPBACK = "loopback"
    """From a command line, or started by us: this machine only."""
    NAMED = "named"
    """Written in the stack file: private networks too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where to connect: a number, so that no name can lead elsewhere later."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """`http://127.0.0.1:4566`."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def permitted_addresses(endpoint: str, trust: Trust, resolve: Resolve | None = None) -> tuple[Address, ...]:
    """Every address the endpoint's name has now, in the resolver's order.

    Raises:
        RefusedError: not a plain http URL, a name without addresses, or one address that is not permitted.
    """
    host, port = _host_and_port(endpoint)
    numbers = tuple(dict.fromkeys(_number(text) for text in _literal_or_resolved(host, resolve or _ask_system)))
    if not numbers:
        raise RefusedError(f"{host} has no address", fix="write the emulator's address into emulator.endpoint")
    for address in numbers:
        if not _permitted(address, trust):
            raise RefusedError(
                f"{endpoint} is at {address}, which is not {_places(trust)}; nothing was written",
                fix="give the address of an emulator on this machine"
                if trust is Trust.NAMED
                else "name the endpoint in the stack file (emulator.endpoint) if it is on a private network",
            )
    return tuple(Address(host=str(address), port=port) for address in numbers)


def _host_and_port(endpoint: str) -> tuple[str, int]:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port or 80
    except ValueError as error:
        raise RefusedError(f"{endpoint!r} is not an address: {error}", fix=_EXAMPLE) from error
    wrong = _fault(parts)
    if wrong is not None or not host:
        raise RefusedError(f"{endpoint!r} is not an emulator's address: {wrong or 'no host'}", fix=_EXAMPLE)
    return host, port


_EXAMPLE = "write http://HOST:PORT, such as http://127.0.0.1:4566"


def _fault(parts: SplitResult) -> str | None:
    if parts.scheme != "http":
        return f"scheme {parts.scheme or '(none)'}, emulators speak http"
    if parts.username is not None or parts.password is not None:
        return "it holds a user name or password"
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return "it holds a path, query or fragment"
    return None


def _literal_or_resolved(host: str, resolve: Resolve) -> Sequence[str]:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return resolve(host)


def _number(text: str) -> IpAddress:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _permitted(address: IpAddress, trust: Trust) -> bool:
    networks = _LOOPBACK if trust is Trust.LOOPBACK else _LOOPBACK + _PRIVATE
    return any(address in network for network in networks)


def _places(trust: Trust) -> str:
    return "this machine" if trust is Trust.LOOPBACK else "on this machine or a private network"


def _ask_system(host: str) -> Sequence[str]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedError(
            f"{host} cannot be resolved: {error}", fix="check emulator.endpoint, or the --endpoint given"
        ) from error
    return tuple(str(entry[4][0]) for entry in answers)
