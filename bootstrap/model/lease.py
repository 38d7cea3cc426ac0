"""Leases: when a stack expires."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """When a stack expires; any later run may then remove it."""

    expires: datetime
    length: timedelta
    """Length of the lease; given again if the stack is brought up after it has expired."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """The value of `--ttl`: a length from now, or no end."""

    length: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledStack:
    """One stack of one owner, as the labels on a Docker engine show it."""

    stack: str
    """The name of its state folder, wherever that is."""
    owner: str
    expires: datetime | None = None
    """None: no label holds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """The removal of one stack that has expired."""

    identity: str
    why: str = ""
    failure: str = ""
    """Why it could not be removed."""
    unread: str = ""
    """Why nobody knows whether there is something to remove."""
    differences: tuple[str, ...] = ()
    """What its file declares differently now: it is removed as it was brought up last."""


def renewed(lease: Lease | None, term: Term | None, now: datetime) -> Lease | None:
    """The lease of a stack that is brought up now. Without `--ttl` it is kept, or begins again if it has expired."""
    if term is not None:
        return None if term.length is None else Lease(expires=now + term.length, length=term.length)
    if lease is not None and lease.expires <= now:
        return Lease(expires=now + lease.length, length=lease.length)
    return lease
