"""The state of a platform: what is up, what is not and why; and, separately, what is not as declared."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bootstrap.errors import BootstrapError
from bootstrap.model.cause import Cause


class Health(StrEnum):
    """The state of one part of a platform, independent of what is declared."""

    UP = "up"
    SIMULATED = "simulated"
    """It exists on a cluster whose pods are simulated."""
    SUSPENDED = "suspended"
    """Suspended in the repository: left unchanged."""
    NOT_READY = "not ready"
    """Starting, waiting for something, or failing."""
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"
    """It exists, but does not answer."""
    UNKNOWN = "unknown"
    """It could not be looked at, or is not proven to be ours."""
    DOWN = "down"
    """Not found, or failed."""


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
    """Details: version, address, the reason why it is not up."""
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
    """What is missing if nothing answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackLine:
    """One stack of several, briefly."""

    identity: str
    stack: str
    instance: str = ""
    project: str = ""
    """Empty: it is known only by its label on the engine."""
    provider: str = ""
    state: str = ""
    """`running`, `stopped`, `absent`, `broken`, `outdated`, `foreign`, `unknown`, or `elsewhere`: its state is."""
    detail: str = ""
    """Details of a state that is not `running`."""
    expires: datetime | None = None
    seconds_left: float | None = None
    """Below 0: it has expired. None: it never expires."""
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
    """The command that brings up what is not up; empty: `bootstrap up` with the stack's name."""

    selection: str = ""
    """The options that select this stack, after a space, for verbs whose argument is something else."""

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
