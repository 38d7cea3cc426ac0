"""What is up, what is not, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Health(StrEnum):
    """How one part of a platform is."""

    UP = "up"
    SIMULATED = "simulated"
    """There as asked for, on a cluster where nothing of it runs."""
    PENDING = "pending"
    """On its way, or waiting for something."""
    DOWN = "down"
    """Not there, stopped or failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartStatus:
    """One part of a platform."""

    name: str
    """`cluster`, `emulator`, `seeds`, `release/NS/NAME`, `objects/NS/NAME`."""
    health: Health
    detail: str = ""
    """What there is to say: version, address, the reason it is not up."""
    evidence: tuple[str, ...] = ()
    """At most five lines on why it is not up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackLine:
    """One stack of several, shortly."""

    identity: str
    stack: str
    instance: str = ""
    project: str = ""
    """Empty: it is known by its mark on the engine alone."""
    provider: str = ""
    state: str = ""
    """`running`, `stopped`, `absent`, `broken`, `outdated`, `foreign`, `unknown`, or `elsewhere`: its state is."""
    detail: str = ""
    """What there is to say of a state that is not `running`."""
    expires: datetime | None = None
    seconds_left: float | None = None
    """Below 0: its time is over. None: it has no end."""
    folder: str = ""
    """Its state folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusReport:
    """The whole platform, read just now."""

    stack: str
    headline: str
    """Provider, and whether pods are simulated."""
    instance: str = ""
    """Which of several of the stack."""
    parts: tuple[PartStatus, ...] = ()
    urls: tuple[tuple[str, str], ...] = ()
    """(what, URL) from this machine."""

    @property
    def up(self) -> bool:
        """Whether everything is as declared, as far as it can run here."""
        return all(part.health in {Health.UP, Health.SIMULATED} for part in self.parts)
