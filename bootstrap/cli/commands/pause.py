"""`bootstrap pause`."""

import click

from bootstrap.cli.options import StackOptions, name_option
from bootstrap.config.flags import Overrides
from bootstrap.errors import ExitCode


@click.command("pause")
@click.argument("reference", metavar="[STACK]", required=False)
@name_option
def command(*, reference: str | None, instance: str | None) -> int:
    """Stop the containers of a stack on kind or k3d; resume, or up, goes on with all that is in them.

    \b
      bootstrap pause              stack dev of this project
      bootstrap pause quickstart   another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import pausing  # noqa: PLC0415 - `--help` imports no adapter

    pausing(StackOptions(reference=reference, overrides=Overrides(name=instance or "")))
    return ExitCode.OK
