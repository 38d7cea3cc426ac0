"""The options that several commands share; each becomes a field of a value and stops there."""

import functools
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.config.flags import DEFAULT_STACK, Overrides, SettingFlags
from bootstrap.errors import UsageError
from bootstrap.model.lease import Term
from bootstrap.model.replacement import EVERYTHING
from bootstrap.model.stack import LockWriting

if TYPE_CHECKING:  # reads YAML: `--help` does without
    from bootstrap.config.settings import Settings

_NO_END = "never"
_Command = Callable[..., Any]
_Decorate = Callable[[_Command], _Command]


@dataclass(frozen=True, kw_only=True, slots=True)
class StackOptions:
    """The stack of a command, and the overrides of the command line."""

    reference: str | None
    overrides: Overrides
    anywhere: bool = False
    """Whether the stack may belong to another project: `--stack`."""
    tools: tuple[str, ...] = ()
    locked: bool = False
    """Whether only charts of the lock file are used."""
    choose_ports: bool = False
    """Whether free ports are chosen where those of the stack are in use."""
    preload: bool = True
    """Whether images are pulled by this machine's engine and copied to the nodes of a kind or k3d cluster."""
    lock_writing: LockWriting = LockWriting.NEVER
    """When a pulled chart is written into the lock file."""
    adopt: bool = False
    """Whether a cluster of the stack's name that bootstrap did not create is adopted."""
    patience: timedelta | None = None
    """How long a run waits for a cause that cannot heal by itself; None: 15s."""
    engine_needed: bool = True
    """Whether the Docker engine of a stack that runs on one has to answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportOptions:
    """How a run is shown."""

    progress: str | None = None
    verbosity: int = 0
    """-1 quiet, 0, 1 or 2."""
    color: bool = True
    events: Path | None = None
    more: bool = False
    """Whether `events` goes on: this is not the first stack of the command."""
    junit: Path | None = None


STACK_OPTION = click.option("--stack", metavar="NAME", help="A stack of any project, from any folder.")
name_option = click.option(
    "--name",
    "instance",
    metavar="NAME",
    envvar="BOOTSTRAP_NAME",
    help="A separate copy of it (BOOTSTRAP_NAME).",
)
"""For commands that choose their stack with other options than `declared_options`."""
tool_option = click.option(
    "--tool", "tools", multiple=True, metavar="NAME=PATH", help="Use this program, such as helm=/opt/helm."
)
locked_option = click.option("--locked", is_flag=True, help="Refuse charts not in bootstrap.lock.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print only the result and errors.")
output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Print the result in this form.",
)
picture_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "svg", "html"]),
    default="text",
    show_default=True,
    help="Print the result in this form.",
)
"""As `output_option`, of what can be drawn."""
allow_replace_option = click.option(
    "--allow-replace",
    "allow_replace",
    metavar="[STEP]",
    multiple=True,
    is_flag=False,
    flag_value=EVERYTHING,
    help="Delete and recreate, with its data, what cannot change in place: all, or only STEP.",
)
"""Consent, for this run only."""
_REPOSITORY: tuple[_Decorate, ...] = (
    click.option("--repo", type=click.Path(path_type=Path), help="Use a Flux repository without a stack file."),
    click.option(
        "--root",
        type=click.Path(path_type=Path),
        help="Root of --repo (default: its Git work tree).",
    ),
)
_DECLARATION: tuple[_Decorate, ...] = (
    *_REPOSITORY,
    click.option(
        "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override a field of the stack; repeatable."
    ),
    click.option("--provider", metavar="NAME", help="kind, k3d, kwok, existing or auto."),
    click.option(
        "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable of the stack; repeatable."
    ),
)


class _OutputFile(click.Path):
    """A file that will be written; refused before anything is done if it cannot be."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """Return the path.

        Raises:
            click.BadParameter: it is a folder, or its folder does not exist or cannot be written to.
        """
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not file.exists() and not file.parent.is_dir():
            self.fail(f"the folder {file.parent} does not exist", param, ctx)
        if not file.exists() and not os.access(file.parent, os.W_OK):
            self.fail(f"the folder {file.parent} cannot be written to", param, ctx)
        return file


OUTPUT_FILE = _OutputFile(dir_okay=False, writable=True, path_type=Path)
"""The type of an option that names a file to write."""
_ARGUMENT = click.argument("reference", metavar="[STACK]", required=False)


def declared_options(command: _Command) -> _Command:
    """STACK, or `--stack NAME` from any folder, and the flags that override its file, as one argument `stack`."""
    return _decorated(_with_stack(command), (_ARGUMENT, STACK_OPTION, name_option, *_DECLARATION))


def bare_stack_options(command: _Command) -> _Command:
    """Only `--stack`, `--name` and `--repo`, as one argument `stack`: for verbs whose arguments are something else."""
    return _decorated(_with_stack(command), (STACK_OPTION, name_option, *_REPOSITORY))


def paused_stack_options(command: _Command) -> _Command:
    """Only STACK, `--stack`, `--name` and `--repo`, as one argument `stack`."""
    return _decorated(_with_stack(command), (_ARGUMENT, STACK_OPTION, name_option, *_REPOSITORY))


def chart_options(command: _Command) -> _Command:
    """`--tool`, `--locked` and `--timeout`, for verbs that render charts; the first two go into `stack`."""
    return _decorated(command, (tool_option, locked_option, timeout_option))


def run_options(command: _Command) -> _Command:
    """How a plan is run and shown, as the arguments `flags` and `tell`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> object:  # noqa: ANN401 - click gives what its decorators declare
        quiet, verbose = given.pop("quiet"), given.pop("verbose")
        reporting = ReportOptions(
            progress=given.pop("progress"),
            verbosity=-1 if quiet else min(verbose, 2),
            color=not given.pop("no_color"),
            events=given.pop("events"),
            junit=given.pop("junit"),
        )
        flags = SettingFlags(jobs=given.pop("jobs"), timeout=given.pop("timeout"))
        return command(reporting=reporting, flags=flags, **given)

    progress = click.Choice(["auto", "live", "plain", "json", "quiet"])
    return _decorated(
        wrapped,
        (
            click.option("--jobs", type=int, metavar="N", help="Steps at once (default 8; BOOTSTRAP_JOBS)."),
            timeout_option,
            click.option(
                "--progress",
                type=progress,
                metavar="FORM",
                envvar="BOOTSTRAP_PROGRESS",
                help="auto, live, plain, json or quiet.",
            ),
            click.option("-v", "--verbose", count=True, help="Print more detail (-vv: everything)."),
            click.option("-q", "--quiet", is_flag=True, help="Print only errors."),
            click.option("--no-color", is_flag=True, help="Print without colour (also NO_COLOR)."),
            click.option("--events", type=OUTPUT_FILE, help="Write events as JSON lines to this file."),
            click.option("--junit", type=OUTPUT_FILE, help="Write a JUnit report to this file."),
        ),
    )


timeout_option = click.option("--timeout", metavar="TIME", help="End the run after TIME (30m), exit code 5.")


def _decorated(command: _Command, options: tuple[_Decorate, ...]) -> _Command:
    for decorate in reversed(options):
        command = decorate(command)
    return command


def _with_stack(command: _Command) -> _Command:
    @functools.wraps(command)
    def wrapped(**given: Any) -> object:  # noqa: ANN401 - click gives what its decorators declare
        return command(stack=_stack_of(given), **given)

    return wrapped


def _stack_of(given: dict[str, Any]) -> StackOptions:
    """The options of the stack, removed from the given ones."""
    reference, named = given.pop("reference", None), given.pop("stack", None)
    if reference is not None and named is not None:
        raise UsageError(f"{reference} and --stack {named} name two stacks", fix="name one")
    overrides = Overrides(
        sets=given.pop("sets", ()),
        provider=given.pop("provider", None),
        variables=given.pop("variables", ()),
        repo=given.pop("repo", None),
        root=given.pop("root", None),
        name=given.pop("instance") or "",
    )
    return StackOptions(
        reference=named or reference,
        overrides=overrides,
        anywhere=named is not None,
        tools=given.pop("tools", ()),
        locked=given.pop("locked", False),
    )


def term_of(text: str | None) -> Term | None:
    """The term of --ttl; None: not given.

    Raises:
        UsageError: it is not a length of time.
    """
    if text is None or text == _NO_END:
        return None if text is None else Term(length=None)
    return Term(length=timedelta(seconds=seconds_of("--ttl", text, f"write --ttl 2h or 90m, or {_NO_END}")))


def patience_of(text: str | None) -> timedelta | None:
    """The length of --patience; None: not given.

    Raises:
        UsageError: it is not a length of time.
    """
    return None if text is None else timedelta(seconds=seconds_of("--patience", text, "write --patience 2m or 90s"))


def seconds_of(flag: str, text: str, fix: str) -> int:
    """A length of time that a flag gives, in seconds.

    Raises:
        UsageError: it is not a length of time.
    """
    from bootstrap.config.fields import seconds_in  # noqa: PLC0415 - `--help` does without

    seconds = seconds_in(text)
    if seconds is None:
        raise UsageError(f"{flag} {text}: not a duration", fix=fix)
    return seconds


def settings_of(stack: StackOptions, flags: SettingFlags | None = None) -> "Settings":
    """The settings of this command line."""
    from bootstrap.config.settings import load_settings  # noqa: PLC0415 - reads YAML

    given = flags or SettingFlags()
    merged = SettingFlags(jobs=given.jobs, timeout=given.timeout, progress=given.progress, tools=stack.tools)
    return load_settings(merged, cwd=Path.cwd(), environment=os.environ)


def typed() -> str:
    """The command line as it was typed, for the journal and the lock file; without the values of --var."""
    return shlex.join(["bootstrap", *(f"{head}{name}=…" if name else head for head, name in _words(sys.argv[1:]))])


def pasteable(options: StackOptions, environment: Mapping[str, str]) -> str:
    """The command line of an `up` like this one, ready to paste.

    Values of variables may be secrets: the shell that it is pasted into fills them in.
    """
    overrides = options.overrides
    named = [("--name", overrides.name), ("--repo", overrides.repo), ("--root", overrides.root)]
    named += [("--provider", overrides.provider), *(("--set", text) for text in overrides.sets)]
    named += [("--tool", text) for text in options.tools]
    variables = (text.partition("=")[0] for text in overrides.variables)
    return " ".join(
        (
            *_given_by(environment),
            "bootstrap up",
            *(() if overrides.repo is not None else (_selected(options),)),
            *(f"{flag} {shlex.quote(str(value))}" for flag, value in named if value),
            *(f'--var {name}="${{{name}:?}}"' for name in variables),
            *(("--locked",) if options.locked else ()),
            *(("--ports auto",) if options.choose_ports else ()),
            *(() if options.preload else ("--no-preload",)),
        )
    )


def _selected(options: StackOptions) -> str:
    name = shlex.quote(options.reference or DEFAULT_STACK)
    return f"--stack {name}" if options.anywhere else name


def _given_by(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The environment variables that override the stack, as assignments before a command."""
    names = sorted(
        name for name in environment if name.startswith("BOOTSTRAP_SET_") or name == "BOOTSTRAP_CHART_MIRROR"
    )
    return tuple(
        f'{name}="${{{name}:?}}"'
        if name.startswith("BOOTSTRAP_SET_variables__")
        else f"{name}={shlex.quote(environment[name])}"
        for name in names
    )


def _words(arguments: list[str]) -> list[tuple[str, str]]:
    """(word, "") for each word; for a variable (the text before its name, its name)."""
    words: list[tuple[str, str]] = []
    before = ""
    for word in arguments:
        if before == "--var":
            words.append(("", word.partition("=")[0]))
        elif word.startswith("--var="):
            words.append(("--var=", word.removeprefix("--var=").partition("=")[0]))
        else:
            words.append((word, ""))
        before = word
    return words
