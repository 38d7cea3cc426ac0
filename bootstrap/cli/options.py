"""The options that several commands share; each becomes a field of a value and stops there."""

import functools
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.config.flags import Overrides, SettingFlags
from bootstrap.errors import UsageError
from bootstrap.model.lease import Term
from bootstrap.model.replacement import EVERYTHING

if TYPE_CHECKING:  # reads YAML: `--help` does without
    from bootstrap.config.settings import Settings

_NO_END = "never"
_Command = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StackOptions:
    """Which stack, and what the command line says about it."""

    reference: str | None
    overrides: Overrides
    tools: tuple[str, ...] = ()
    locked: bool = False
    """Whether only charts of the lock file are taken."""
    choose_ports: bool = False
    """Whether free ports are chosen where those of the stack are taken."""
    preload: bool = True
    """Whether images go to the machines of a kind or k3d cluster through this machine's engine."""
    adopt: bool = False
    """Whether a cluster of the stack's name that we did not make is taken over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TellOptions:
    """How a run is told."""

    progress: str | None
    verbosity: int
    """-1 quiet, 0, 1 or 2."""
    color: bool
    events: Path | None
    more: bool = False
    """Whether `events` goes on: this is not the first stack of the command."""


name_option = click.option(
    "--name",
    "instance",
    metavar="N",
    envvar="BOOTSTRAP_NAME",
    help="One of several of this stack at once (BOOTSTRAP_NAME).",
)
"""For commands that take their stack otherwise than `stack_options`."""


def stack_options(command: _Command) -> _Command:
    """STACK and the flags that change it, as one argument `stack`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> object:  # noqa: ANN401 - click gives what its decorators declare
        overrides = Overrides(
            sets=given.pop("sets"),
            provider=given.pop("provider"),
            variables=given.pop("variables"),
            repo=given.pop("repo"),
            root=given.pop("root"),
            name=given.pop("instance") or "",
        )
        stack = StackOptions(
            reference=given.pop("reference"), overrides=overrides, tools=given.pop("tools"), locked=given.pop("locked")
        )
        return command(stack=stack, **given)

    for decorate in reversed(
        (
            click.argument("reference", metavar="[STACK]", required=False),
            name_option,
            click.option("--repo", type=click.Path(path_type=Path), help="Run a Flux repository without a stack file."),
            click.option("--root", type=click.Path(path_type=Path), help="What the paths in --repo are relative to."),
            click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override a field of the stack."),
            click.option("--provider", metavar="NAME", help="Short for --set cluster.provider=NAME."),
            click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable."),
            click.option("--tool", "tools", multiple=True, metavar="NAME=PATH", help="Use this program."),
            click.option("--locked", is_flag=True, help="Take only the charts that bootstrap.lock names."),
        )
    ):
        wrapped = decorate(wrapped)
    return wrapped


def tell_options(command: _Command) -> _Command:
    """How the run is told, as one argument `tell`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> object:  # noqa: ANN401 - click gives what its decorators declare
        quiet, verbose, no_color = given.pop("quiet"), given.pop("verbose"), given.pop("no_color")
        tell = TellOptions(
            progress=given.pop("progress"),
            verbosity=-1 if quiet else min(verbose, 2),
            color=not no_color,
            events=given.pop("events"),
        )
        return command(tell=tell, **given)

    progress = click.Choice(["auto", "live", "plain", "json", "quiet"])
    for decorate in reversed(
        (
            click.option("--progress", type=progress, envvar="BOOTSTRAP_PROGRESS", help="How progress is shown."),
            click.option("-v", "--verbose", count=True, help="Tell more (twice: everything)."),
            click.option("-q", "--quiet", is_flag=True, help="Tell only errors."),
            click.option("--no-color", is_flag=True, help="No colour (also NO_COLOR)."),
            click.option("--events", type=click.Path(path_type=Path), help="Write JSON lines of events to a file too."),
        )
    ):
        wrapped = decorate(wrapped)
    return wrapped


def run_options(command: _Command) -> _Command:
    """--jobs and --timeout, as one argument `flags`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> object:  # noqa: ANN401 - click gives what its decorators declare
        flags = SettingFlags(jobs=given.pop("jobs"), timeout=given.pop("timeout"))
        return command(flags=flags, **given)

    for decorate in reversed(
        (
            click.option("--jobs", type=int, metavar="N", help="Steps that run at once (default 8; BOOTSTRAP_JOBS)."),
            click.option("--timeout", metavar="TIME", help="For the whole run, such as 10m (default 30m)."),
        )
    ):
        wrapped = decorate(wrapped)
    return wrapped


def term_of(text: str | None) -> Term | None:
    """What --ttl says; None: nothing.

    Raises:
        UsageError: it is no length of time.
    """
    if text is None or text == _NO_END:
        return None if text is None else Term(length=None)
    from bootstrap.config.fields import seconds_in  # noqa: PLC0415 - `--help` does without

    seconds = seconds_in(text)
    if seconds is None:
        raise UsageError(f"--ttl {text}: is no length of time", fix=f"write --ttl 2h or 90m, or {_NO_END}")
    return Term(length=timedelta(seconds=seconds))


def settings_of(stack: StackOptions, flags: SettingFlags | None = None) -> "Settings":
    """The settings that hold for this command line."""
    from bootstrap.config.settings import load_settings  # noqa: PLC0415 - reads YAML

    said = flags or SettingFlags()
    merged = SettingFlags(jobs=said.jobs, timeout=said.timeout, progress=said.progress, tools=stack.tools)
    return load_settings(merged, cwd=Path.cwd(), environment=os.environ)


def typed() -> str:
    """The command line as it was typed, for the journal and for whoever meets its lock; values of --var left out."""
    words: list[str] = []
    for word in sys.argv[1:]:
        hides = words[-1:] == ["--var"] or word.startswith("--var=")
        words.append(
            f"{word.rpartition('--var=')[1]}{word.removeprefix('--var=').partition('=')[0]}=…" if hides else word
        )
    return shlex.join(["bootstrap", *words])


allow_replace_option = click.option(
    "--allow-replace",
    "allow_replace",
    metavar="[STEP]",
    multiple=True,
    is_flag=False,
    flag_value=EVERYTHING,
    help="Delete and create again what cannot change in place: everything, or this step.",
)
"""Consent, for this run alone."""

output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the result."
)
