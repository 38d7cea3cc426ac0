"""`bootstrap status`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, output_option, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode


@click.command("status")
@stack_options
@run_options
@tell_options
@output_option
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, output: str) -> int:
    """Show what is up, what is not, and why; with the URLs from this machine.

    Ends with 1 when something is not up.

    \b
      bootstrap status
      bootstrap status --output json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import show, status_of  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.status import status_json, status_text  # noqa: PLC0415

    report = status_of(stack, tell, flags)
    show(status_json(report) if output == "json" else status_text(report))
    return ExitCode.OK if report.up else ExitCode.STEP_FAILED
