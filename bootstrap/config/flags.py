"""Overrides from the command line; imported by every `--help`, so that it must import nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_STACK = "dev"


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """The overrides of a stack from the command line."""

    sets: tuple[str, ...] = ()
    """`--set`: `cluster.workers=2`."""
    provider: str | None = None
    variables: tuple[str, ...] = ()
    """`--var`: `name=value`."""
    name: str = ""
    """`--name`: the instance of this stack."""
    repo: Path | None = None
    """`--repo`: the entry of a Flux repository, instead of a stack file."""
    root: Path | None = None
    """`--root`: the base of that repository's paths; default: its Git work tree, else the entry itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingFlags:
    """Settings from the command line; None: not given."""

    jobs: int | None = None
    timeout: str | None = None
    progress: str | None = None
    tools: tuple[str, ...] = ()
    """`--tool`: `helm=/opt/helm`."""
