"""What is up, what is not, and why."""

from dataclasses import dataclass
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
