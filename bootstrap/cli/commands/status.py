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
@click.option("--all", "whole_machine", is_flag=True, help="Every stack of yours on this machine, shortly.")
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, output: str, whole_machine: bool) -> int:
    """Show what is up, what is not, and why; with the URLs from this machine.

    Ends with 1 when something is not up; with --all, which only lists, with 0.

    \b
      bootstrap status
      bootstrap status --output json
      bootstrap status --all          where they are, how they are, how long they are wanted
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.listing import stack_lines  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.running import show, status_of  # noqa: PLC0415
    from bootstrap.console.results.stacks import stacks_json, stacks_text  # noqa: PLC0415
    from bootstrap.console.results.status import status_json, status_text  # noqa: PLC0415

    if whole_machine:
        lines = stack_lines()
        show(stacks_json(lines) if output == "json" else stacks_text(lines))
        return ExitCode.OK
    report = status_of(stack, tell, flags)
    show(status_json(report) if output == "json" else status_text(report))
    return ExitCode.OK if report.up else ExitCode.STEP_FAILED
