"""`bootstrap down`."""

import functools
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import (
    ReportOptions,
    StackOptions,
    declared_options,
    output_option,
    run_options,
    tool_option,
)
from bootstrap.config.flags import Overrides, SettingFlags
from bootstrap.errors import BootstrapError, CancelledError, ExitCode, UsageError

if TYPE_CHECKING:
    from bootstrap.cli.reported_run import OpenSession
    from bootstrap.config.settings import Settings
    from bootstrap.console.results.run import RunResult
    from bootstrap.engine.session import Session
    from bootstrap.state.stacks import StoredStack
    from bootstrap.system.clock import CancelToken


@click.command("down")
@declared_options
@tool_option
@run_options
@output_option
@click.option(
    "--keep-data",
    is_flag=True,
    help="Keep the emulator's data and generated secrets for the next up; the cluster and its volumes are deleted.",
)
@click.option(
    "--all", "whole_project", is_flag=True, help="Delete every stack of this project (with --name: that copy of each)."
)
@click.option("--dry-run", is_flag=True, help="Only print what would be deleted.")
def command(  # noqa: PLR0913 - one parameter per flag
    *,
    stack: StackOptions,
    flags: SettingFlags,
    reporting: ReportOptions,
    output: str,
    keep_data: bool,
    whole_project: bool,
    dry_run: bool,
) -> int:
    """Delete what up created, and nothing else; works from what up recorded, even without the stack file.

    \b
      bootstrap down                  stack dev of this project
      bootstrap down ci --name 4711   one of several instances
      bootstrap down --keep-data      the next up starts with the AWS data of now
      bootstrap down --all            every stack of this project
      bootstrap down --dry-run        print what would be deleted
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if whole_project:
        return _all_down(stack, reporting, flags, output=output, keep_data=keep_data, dry_run=dry_run)
    if dry_run:
        quiet = reporting.verbosity < 0
        return show_teardown(stack, output=output, timeout=flags.timeout, quiet=quiet, keep_data=keep_data)
    from bootstrap.cli.session import open_remembered_stack  # noqa: PLC0415 - `--help` imports no adapter

    result = _down(stack, reporting, flags, find=open_remembered_stack, keep_data=keep_data)
    if output == "json":
        from bootstrap.cli.output import show  # noqa: PLC0415
        from bootstrap.console.results.run import run_json  # noqa: PLC0415

        show(run_json(result))
    return result.report.exit_code


def show_teardown(
    stack: StackOptions,
    *,
    output: str,
    timeout: str | None,
    quiet: bool,
    keep_data: bool = False,
    fail_on_changes: bool = False,
) -> int:
    """Print the plan of `down`; the exit code."""
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.console.results.plan import plan_shown  # noqa: PLC0415
    from bootstrap.engine.down import is_down, plan_down  # noqa: PLC0415
    from bootstrap.model.step import Plan  # noqa: PLC0415

    with look_at_remembered(stack, timeout=timeout, quiet=quiet, programs=False) as look:
        if is_down(look.session, look.cancel):
            plan = Plan(steps=())
        else:
            plan, _ = plan_down(look.session, look.cancel, keep_data=keep_data)
    show(plan_shown(plan, output, title=f"down of stack {look.session.stack.name}"))
    return ExitCode.WOULD_CHANGE if fail_on_changes and plan.changes else ExitCode.OK


def _down(
    stack: StackOptions,
    reporting: ReportOptions,
    flags: SettingFlags,
    *,
    find: "OpenSession",
    keep_data: bool,
) -> "RunResult":
    from bootstrap.cli.reported_run import reported_run  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.run import RunResult  # noqa: PLC0415
    from bootstrap.engine.down import down  # noqa: PLC0415

    with reported_run("down", stack, reporting, flags, find=find) as run:
        report = down(run.session, run.how(), emit=run.emit, cancel=run.cancel, keep_data=keep_data)
    return RunResult(stack=run.session.stack, report=report)


def _all_down(
    stack: StackOptions, reporting: ReportOptions, flags: SettingFlags, *, output: str, keep_data: bool, dry_run: bool
) -> int:
    """Remove every stack of the project, one after the other; the first exit code that is not 0."""
    from bootstrap.cli.main import print_error  # noqa: PLC0415 - main imports the commands lazily too
    from bootstrap.cli.output import reporter, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.run import runs_json  # noqa: PLC0415

    _refuse_instance(stack, dry_run=dry_run)
    codes: list[int] = []
    results = []
    for stored_stack in _all_of_project(stack.overrides.name):
        find = functools.partial(_open_stored, stored_stack)
        try:
            result = _down(stack, replace(reporting, more=bool(codes)), flags, find=find, keep_data=keep_data)
        except CancelledError:
            raise
        except BootstrapError as error:
            # One that cannot go keeps none of the others.
            print_error(error, sys.argv[1:])
            codes.append(int(error.exit_code))
        else:
            results.append(result)
            codes.append(int(result.report.exit_code))
    if not codes:
        reporter(quiet=reporting.verbosity < 0)("this project has no stacks on this machine")
    if output == "json":
        show(runs_json(results))
    return next((code for code in codes if code), 0)


def _refuse_instance(stack: StackOptions, *, dry_run: bool) -> None:
    if stack.reference is not None or stack.overrides != Overrides(name=stack.overrides.name):
        raise UsageError(
            "--all removes every stack of this project, so it cannot be combined with the name of one",
            fix="leave out --all",
        )
    if dry_run:
        raise UsageError(
            "--dry-run shows one stack at a time", fix="bootstrap status --all, then down --dry-run of each"
        )


def _all_of_project(name: str) -> "tuple[StoredStack, ...]":
    """Every stack of the project around the current folder; with a name, all of that name."""
    from bootstrap.state.paths import state_folder  # noqa: PLC0415 - `--help` does without
    from bootstrap.state.stacks import of_project, stored_stacks  # noqa: PLC0415

    of_it = of_project(stored_stacks(state_folder(os.environ)), Path.cwd())
    return tuple(
        stored_stack
        for stored_stack in of_it
        if not name or (stored_stack.stack is not None and stored_stack.stack.instance == name)
    )


def _open_stored(
    stored_stack: "StoredStack", options: StackOptions, *, cancel: "CancelToken", settings: "Settings | None" = None
) -> "Session":
    from bootstrap.cli.session import open_state_folder  # noqa: PLC0415 - `--help` imports no adapter

    del options
    session = open_state_folder(stored_stack.state, cancel, settings=settings)
    assert session is not None  # noqa: S101 - it was found by what it remembers
    return session
