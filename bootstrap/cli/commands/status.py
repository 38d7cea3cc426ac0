"""`bootstrap status`."""

import importlib
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import (
    StackOptions,
    chart_options,
    declared_options,
    output_option,
    quiet_option,
    seconds_of,
)
from bootstrap.errors import ExitCode, raise_all

if TYPE_CHECKING:
    from bootstrap.model.status import StatusReport
    from bootstrap.system.clock import CancelToken

_WAIT = "5m"
_LOOK_AGAIN_SECONDS = 2.0
_CLEAR = "\x1b[H\x1b[2J"


@click.command("status")
@declared_options
@chart_options
@output_option
@quiet_option
@click.option("--all", "all_stacks", is_flag=True, help="List all your stacks on this machine.")
@click.option("--watch", is_flag=True, help="Print the status every 2s, until Ctrl-C.")
@click.option(
    "--wait",
    metavar="[TIME]",
    is_flag=False,
    flag_value=_WAIT,
    help=f"Wait until everything is up, at most TIME (default {_WAIT}).",
)
def command(  # noqa: PLR0913 - one parameter per flag
    *,
    stack: StackOptions,
    timeout: str | None,
    output: str,
    quiet: bool,
    all_stacks: bool,
    watch: bool,
    wait: str | None,
) -> int:
    """Print the state of everything that up created, its URLs, and what is not as declared.

    A state is up, simulated, not ready, stopped, unreachable, unknown or down. Ends with 1 if something is not up;
    with --all always with 0.

    \b
      bootstrap status                    stack dev of this project
      bootstrap status --stack shop       from any folder
      bootstrap status --wait 10m         wait for an up in another terminal
      bootstrap status --all              every stack: folder, state, expiry
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if all_stacks:
        _show_all(output)
        return ExitCode.OK
    if watch:
        return _watch(stack, timeout=timeout, output=output, quiet=quiet)
    if wait is not None:
        return _wait(*_meant(stack, wait), timeout=timeout, output=output, quiet=quiet)
    report = _look(stack, timeout=timeout, quiet=quiet)
    return _show(report, output)


def _look(stack: StackOptions, *, timeout: str | None, quiet: bool) -> "StatusReport":
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.engine.status import read_status  # noqa: PLC0415

    with look_at_remembered(stack, timeout=timeout, quiet=quiet, engine_needed=False) as look:
        return read_status(look.session, look.cancel)


def _text(report: "StatusReport", output: str) -> str:
    from bootstrap.console.color import is_colored  # noqa: PLC0415
    from bootstrap.console.results.status import status_json, status_text  # noqa: PLC0415 - `--help` imports no adapter

    if output == "json":
        return status_json(report)
    return status_text(report, colored=is_colored(os.environ, terminal=sys.stdout.isatty()))


def _show(report: "StatusReport", output: str) -> int:
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter

    show(_text(report, output))
    raise_all(report.failures)
    return ExitCode.OK if report.up else ExitCode.STEP_FAILED


def _show_all(output: str) -> None:
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.session import open_state_folder  # noqa: PLC0415
    from bootstrap.console.results.stacks import stacks_json, stacks_text  # noqa: PLC0415
    from bootstrap.docker.labelled_stacks import LabelledOnEngine  # noqa: PLC0415
    from bootstrap.engine.stack_list import stack_lines  # noqa: PLC0415
    from bootstrap.state.paths import state_folder  # noqa: PLC0415

    # Threads that begin to import it at the same moment lock each other out (see its docstring).
    importlib.import_module("bootstrap.system.http")
    cancel = new_token()
    with interruptible(cancel):
        lines = stack_lines(state_folder(os.environ), LabelledOnEngine(os.environ), open_state_folder, cancel)
    show(stacks_json(lines) if output == "json" else stacks_text(lines))


def _watch(stack: StackOptions, *, timeout: str | None, output: str, quiet: bool) -> int:
    """Show it again and again: on a terminal in one place, elsewhere whenever it changes."""
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415

    cancel, terminal, before = new_token(), sys.stdout.isatty(), ""
    with interruptible(cancel, quiet=True):
        while not cancel.cancelled:
            text = _text(_look(stack, timeout=timeout, quiet=quiet or bool(before)), output)
            if (terminal or text != before) and not show(_CLEAR * terminal + text):
                return ExitCode.OK
            before = text
            _pause(cancel)
    return ExitCode.INTERRUPTED


def _pause(cancel: "CancelToken") -> None:
    from bootstrap.errors import CancelledError  # noqa: PLC0415 - `--help` does without

    try:
        cancel.sleep(_LOOK_AGAIN_SECONDS)
    except CancelledError:
        return


def _meant(stack: StackOptions, wait: str) -> tuple[StackOptions, int]:
    """The stack and how long to wait; a name after `--wait` is the stack's."""
    fix = "write --wait 10m or 90s"
    if stack.reference is None and not wait[:1].isdigit():
        return replace(stack, reference=wait), seconds_of("--wait", _WAIT, fix)
    return stack, seconds_of("--wait", wait, fix)


def _wait(stack: StackOptions, seconds: int, *, timeout: str | None, output: str, quiet: bool) -> int:
    """Look until everything is up, or the time is over; shows what was seen last."""
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.output import reporter  # noqa: PLC0415

    cancel, notify, before = new_token(), reporter(quiet=quiet), ""
    end = cancel.clock.monotonic() + seconds
    with interruptible(cancel, quiet=quiet):
        report = _look(stack, timeout=timeout, quiet=quiet)
        while not report.up and cancel.clock.monotonic() < end:
            if (lacks := _lacks(report)) != before:
                notify(f"waiting: {lacks}")
            before = lacks
            cancel.sleep(_LOOK_AGAIN_SECONDS)
            report = _look(stack, timeout=timeout, quiet=True)
    return _show(report, output)


def _lacks(report: "StatusReport") -> str:
    """The first parts that are not up."""
    parts = [f"{part.name} is {part.health}" for part in report.parts if not part.is_up]
    return ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")  # noqa: PLR2004 - a line's worth
