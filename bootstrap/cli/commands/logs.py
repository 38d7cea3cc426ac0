"""`bootstrap logs`."""

import click

from bootstrap.cli.options import StackOptions, declared_options, output_option, quiet_option
from bootstrap.errors import ExitCode


@click.command("logs")
@declared_options
@quiet_option
@click.option(
    "--of",
    "name",
    metavar="NAME",
    help="Print the log of this program or verb, such as kube-apiserver, emulator or up.",
)
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="Print the last N lines; 0: all."
)
@click.option("--list", "list_only", is_flag=True, help="List the logs instead.")
@output_option
def command(*, stack: StackOptions, quiet: bool, name: str | None, lines: int, list_only: bool, output: str) -> int:
    """Print the log of the last run, or of a long-running program.

    \b
      bootstrap logs                          the last run
      bootstrap logs --list --output json
      bootstrap logs --of kube-apiserver -n 0
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.console.results.logs import log_json, logs_json, logs_text  # noqa: PLC0415
    from bootstrap.state.logs import find_log, last_lines, log_files  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False, engine_needed=False) as look:
        state = look.session.state
        if list_only:
            logs = log_files(state)
            show(logs_json(logs) if output == "json" else logs_text(logs))
        else:
            file = find_log(state, name)
            text = last_lines(file, lines)
            show(log_json(file, text) if output == "json" else text)
    return ExitCode.OK
