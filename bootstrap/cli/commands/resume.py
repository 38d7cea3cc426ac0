"""`bootstrap resume`."""

import click

from bootstrap.cli.commands.repair import run_revive
from bootstrap.cli.options import (
    ReportOptions,
    StackOptions,
    declared_options,
    locked_option,
    run_options,
    tool_option,
)
from bootstrap.config.flags import SettingFlags


@click.command("resume")
@declared_options
@tool_option
@locked_option
@run_options
def command(*, stack: StackOptions, flags: SettingFlags, reporting: ReportOptions) -> int:
    """Start the containers of a paused stack, and wait until everything in them is ready again.

    \b
      bootstrap resume              stack dev of this project
      bootstrap resume quickstart   another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    return run_revive(stack, reporting, flags)
