"""`bootstrap repair`."""

import click

from bootstrap.cli.options import (
    ReportOptions,
    StackOptions,
    declared_options,
    locked_option,
    run_options,
    tool_option,
)
from bootstrap.config.flags import SettingFlags


@click.command("repair")
@declared_options
@tool_option
@locked_option
@run_options
def command(*, stack: StackOptions, flags: SettingFlags, reporting: ReportOptions) -> int:
    """Start what has stopped, reconnect it, restore the AWS data, and wait until cluster and emulator are ready.

    Releases are not changed, except one that runs the emulator.

    \b
      bootstrap repair              stack dev of this project
      bootstrap repair quickstart   another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    return run_revive(stack, reporting, flags)


def run_revive(stack: StackOptions, reporting: ReportOptions, flags: SettingFlags) -> int:
    """What `repair` and `resume` do; the exit code."""
    from bootstrap.cli.reported_run import reported_run  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_remembered_stack  # noqa: PLC0415
    from bootstrap.engine.up import revive  # noqa: PLC0415

    with reported_run("up", stack, reporting, flags, find=open_remembered_stack) as run:
        return revive(run.session, run.how(), emit=run.emit, cancel=run.cancel).exit_code
