"""What the command line says about a stack and the settings; imported by every `--help`, so nothing heavy here."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_STACK = "dev"


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """What the command line says about the stack."""

    sets: tuple[str, ...] = ()
    """`--set`: `cluster.workers=2`."""
    provider: str | None = None
    variables: tuple[str, ...] = ()
    """`--var`: `name=value`."""
    name: str = ""
    """`--name`: which of several of this stack."""
    repo: Path | None = None
    """`--repo`: the entry of a Flux repository, instead of a stack file."""
    root: Path | None = None
    """`--root`: what that repository's paths are relative to; else its Git work tree, else the entry itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingFlags:
    """What the command line says; None: nothing."""

    jobs: int | None = None
    timeout: str | None = None
    progress: str | None = None
    tools: tuple[str, ...] = ()
    """`--tool`: `helm=/opt/helm`."""
