"""`bootstrap doctor`."""

import click

from bootstrap.cli.options import StackOptions, output_option, tool_option
from bootstrap.config.flags import Overrides
from bootstrap.errors import ExitCode


@click.command("doctor")
@output_option
@tool_option
def command(*, output: str, tools: tuple[str, ...]) -> int:
    """Check this machine: each program with its path and why it was chosen; folders, memory and limits.

    \b
      bootstrap doctor            ends with 4 if something must be repaired
      bootstrap doctor --output json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.machine import examine_machine  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.doctor import checks_json, checks_text  # noqa: PLC0415
    from bootstrap.toolchain.doctor import findings  # noqa: PLC0415

    checks = examine_machine(StackOptions(reference=None, overrides=Overrides(), tools=tools))
    show(checks_json(checks) if output == "json" else checks_text(checks))
    return ExitCode.REFUSED if findings(checks) else ExitCode.OK
