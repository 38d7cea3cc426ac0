"""What the emulators of one stack are made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.model.stack import StatePaths
from bootstrap.ports import Programs
from bootstrap.system.clock import Clock
from bootstrap.system.processes import Processes


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What the emulators of one stack are made with."""

    state: StatePaths
    processes: Processes
    clock: Clock
    environment: Mapping[str, str]
    programs: Programs
    mirrors: Mapping[str, str] = field(default_factory=dict)
    """Of images, for the engine."""
    ipv6: bool = False
    """Whether the stack's network on a Docker engine has addresses of IPv6 too."""
