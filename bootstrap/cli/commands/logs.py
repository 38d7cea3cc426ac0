"""`bootstrap logs`."""

import click

from bootstrap.cli.options import StackOptions, stack_options
from bootstrap.errors import ExitCode


@click.command("logs")
@stack_options
@click.option("--of", "name", metavar="NAME", help="Of this program or verb, such as kube-apiserver, emulator or up.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many, 0 for all.")
@click.option("--list", "list_only", is_flag=True, help="List the logs there are.")
def command(*, stack: StackOptions, name: str | None, lines: int, list_only: bool) -> int:
    """Show the log of the last run, or of a long-lived program.

    \b
      bootstrap logs                          the last run
      bootstrap logs --list
      bootstrap logs --of kube-apiserver -n 0
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.running import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_stack  # noqa: PLC0415
    from bootstrap.state.logs import find_log, known_logs, last_lines  # noqa: PLC0415

    state = open_stack(stack, cancel=new_token()).platform.state
    if list_only:
        show("".join(f"{file}\n" for file in known_logs(state)))
    else:
        show(last_lines(find_log(state, name), lines))
    return ExitCode.OK
