"""What is up, what is not, and why; and, apart from that, what is not as declared."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bootstrap.errors import BootstrapError
from bootstrap.model.cause import Cause


class Health(StrEnum):
    """How one part of a platform is, whatever is declared of it."""

    UP = "up"
    SIMULATED = "simulated"
    """There, on a cluster where nothing of it runs."""
    SUSPENDED = "suspended"
    """Left as it is, by the repository's own word."""
    NOT_READY = "not ready"
    """On its way, waiting for something, or failing."""
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"
    """There, but it does not answer."""
    DOWN = "down"
    """Not there, or failed."""


class Declared(StrEnum):
    """Whether a part is as declared."""

    IN_SYNC = "in sync"
    DIFFERS = "differs"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartStatus:
    """One part of a platform."""

    name: str
    """`cluster`, `emulator`, `seeds`, `release/NS/NAME`, `objects/NS/NAME`."""
    health: Health
    detail: str = ""
    """What there is to say: version, address, the reason it is not up."""
    evidence: tuple[str, ...] = ()
    """Lines on why it is not up; the renderer shortens them."""
    difference: str = ""
    """What is not as declared: `values changed`; empty: nothing."""
    causes: tuple[Cause, ...] = ()
    """What keeps it from being up, the most significant first."""

    @property
    def is_up(self) -> bool:
        """Whether it is up, as far as it can run here."""
        return self.health in {Health.UP, Health.SIMULATED, Health.SUSPENDED}

    @property
    def declared(self) -> Declared:
        """Whether it is as declared."""
        return Declared.DIFFERS if self.difference else Declared.IN_SYNC


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlStatus:
    """An address on this machine, and whether anything answers there."""

    name: str
    url: str
    problem: str = ""
    """What is missing where it is not answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackLine:
    """One stack of several, briefly."""

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
    urls: tuple[UrlStatus, ...] = ()
    """From this machine; asked just now."""
    differences: tuple[str, ...] = ()
    """Values that are declared differently now than when the stack was brought up."""
    failures: tuple[BootstrapError, ...] = ()
    """What is wrong with the stack's repository and its releases now."""
    up_command: str = ""
    """What to type to bring up what is not; empty: `bootstrap up` with the stack's name."""

    @property
    def up(self) -> bool:
        """Whether everything is up, as far as it can run here."""
        return all(part.is_up for part in self.parts)

    @property
    def health(self) -> Health:
        """The worst of its parts."""
        order = tuple(Health)
        return max((part.health for part in self.parts), key=order.index, default=Health.DOWN)

    @property
    def declared(self) -> Declared:
        """Whether everything is as declared."""
        same = not self.differences and all(part.declared is Declared.IN_SYNC for part in self.parts)
        return Declared.IN_SYNC if same else Declared.DIFFERS
