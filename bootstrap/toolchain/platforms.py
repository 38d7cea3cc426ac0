"""Which machine programs are for, in Go's words, as every publisher here names them."""

import os
import sys
from dataclasses import dataclass

from bootstrap.errors import RefusedError

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """An operating system and a processor."""

    system: str
    machine: str

    def __str__(self) -> str:
        """`linux/amd64`."""
        return f"{self.system}/{self.machine}"


def this_platform() -> Platform:
    """The machine we run on.

    Raises:
        RefusedError: no publisher of our programs serves it.
    """
    machine = os.uname().machine
    if sys.platform not in {"linux", "darwin"} or machine not in _MACHINES:
        raise RefusedError(
            f"this machine ({sys.platform}, {machine}) is not supported", fix="use Linux or macOS on amd64 or arm64"
        )
    return Platform(system=sys.platform, machine=_MACHINES[machine])
