"""How long a stack lives."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """Until when a stack is wanted; any later run may take it away."""

    expires: datetime
    length: timedelta
    """What it was given, and is given again when it is brought up after its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What `--ttl` says: so long from now, or without an end."""

    length: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One stack of one owner, as the labels on a Docker engine show it."""

    stack: str
    """The name of its state folder, wherever that is."""
    owner: str
    expires: datetime | None = None
    """None: no label says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """One stack whose time is over, taken away."""

    identity: str
    why: str = ""
    failure: str = ""
    """Why it is still there."""


def renewed(lease: Lease | None, term: Term | None, now: datetime) -> Lease | None:
    """The lease of a stack that is brought up now. Nothing said leaves it, and begins one that is over again."""
    if term is not None:
        return None if term.length is None else Lease(expires=now + term.length, length=term.length)
    if lease is not None and lease.expires <= now:
        return Lease(expires=now + lease.length, length=lease.length)
    return lease
