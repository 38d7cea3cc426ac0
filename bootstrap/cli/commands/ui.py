"""`bootstrap ui`."""

from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import StackOptions, declared_options, locked_option, tool_option
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.ui.server import Address


@click.command("ui")
@declared_options
@tool_option
@locked_option
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Listen on this port (default: any free one).")
@click.option("--beside-run", is_flag=True, hidden=True)
def command(*, stack: StackOptions, port: int, beside_run: bool) -> int:
    """Serve pages that show the platform, its AWS data, its addresses and its runs, until Ctrl-C.

    The address that is printed lets a browser on this machine in, and nothing else. If the pages of the stack are
    served already, their address is printed again. Needs the extra ui.

    \b
      bootstrap ui                    stack dev of this project
      bootstrap ui quickstart
      bootstrap up --ui               the same beside a run, until the stack is removed
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    import sys  # noqa: PLC0415 - `--help` imports no adapter

    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.ui import address_now, serve_beside_run, serve_pages  # noqa: PLC0415

    def ready(address: "Address") -> None:
        show(f"{address.url}\n")

    cancel = new_token()
    with interruptible(cancel, quiet=True):
        if beside_run:
            serve_beside_run(stack, cancel, sys.stdin.buffer.read())
        elif (served := address_now(stack)) is not None:
            ready(served)
        else:
            serve_pages(stack, cancel, port=port, ready=ready)
    return ExitCode.OK
