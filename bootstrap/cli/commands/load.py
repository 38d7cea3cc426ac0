"""`bootstrap load`."""

import click

from bootstrap.cli.options import StackOptions, name_option
from bootstrap.config.flags import Overrides
from bootstrap.errors import ExitCode


@click.command("load")
@click.option("--stack", "reference", metavar="STACK", help="The stack (default dev).")
@name_option
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
def command(*, reference: str | None, instance: str | None, images: tuple[str, ...]) -> int:
    """Copy images to every machine of a kind or k3d cluster, and see that they are there.

    What this machine's engine does not have is pulled first.

    \b
      bootstrap load web:1 worker:1
      bootstrap load --stack quickstart web:1
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import loading, show  # noqa: PLC0415 - `--help` imports no adapter

    loading(StackOptions(reference=reference, overrides=Overrides(name=instance or "")), images)
    show("".join(f"{image} is on every machine\n" for image in images))
    return ExitCode.OK
