"""What every source of programs has in common."""

from dataclasses import dataclass
from pathlib import Path

from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import Program


class CannotGiveError(Exception):
    """This source does not have the program, or is out of reach; the next one may have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A program to get, for one machine, and an empty folder to put it into."""

    program: Program
    platform: Platform
    folder: Path

    @property
    def target(self) -> Path:
        """Where the program itself goes."""
        return self.folder / self.program.name

    def filled(self, text: str) -> str:
        """The text with version and machine filled in."""
        return text.format(
            version=self.program.default_version, system=self.platform.system, machine=self.platform.machine
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a program in the cache came from."""

    version: str
    source: str
    """`download from https://…`, `built with go 1.26.8`."""
    path: str
    """The program, relative to its folder."""
    sha256: str | None = None
    """Of the file that was downloaded; None for what was built."""
