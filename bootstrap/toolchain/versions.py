"""Versions of programs, as far as choosing one needs them."""

import re
from dataclasses import dataclass

_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The versions that will do: from `at_least` up to, but not with, `below`."""

    at_least: str
    below: str

    def holds(self, version: str) -> bool:
        """Whether this version will do. A suffix (`-rc.1`, `-dispatcher`, `+g1`) does not count."""
        return _numbers(self.at_least) <= _numbers(version) < _numbers(self.below)

    def __str__(self) -> str:
        """`>=3.17, <5`."""
        return f">={self.at_least}, <{self.below}"


def _numbers(version: str) -> tuple[int, int, int]:
    matched = _NUMBERS.match(f"{version}.0" if "." not in version else version)
    if matched is None:
        return (-1, 0, 0)
    major, minor, patch = matched.groups(default="0")
    return (int(major), int(minor), int(patch))
