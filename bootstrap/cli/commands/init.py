"""`bootstrap init`."""

from pathlib import Path

import click

from bootstrap.cli.options import quiet_option
from bootstrap.errors import ExitCode


@click.command("init")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    metavar="PATH",
    help="Look through this folder (default: the current one); files are written into the current one.",
)
@click.option(
    "--template",
    type=click.Choice(["minimal", "flux", "seeds-only"]),
    help="Look at nothing, and write this example: a whole small platform, a Flux repository, or AWS data alone.",
)
@quiet_option
def command(*, source: Path, template: str | None, quiet: bool) -> int:
    """Write stacks/dev.yaml and stacks/ci.yaml for what is in this folder; overwrite nothing, ask nothing.

    It looks for the folders that Flux is started with, configurations of kind and k3d, the AWS emulator of a compose
    file, init scripts (imported into localstack-init/ as `seed import` does) and Helm charts. An empty folder gets a
    small whole platform.

    \b
      bootstrap init && bootstrap up
      bootstrap init --from ../platform
      bootstrap init --template seeds-only
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.init import init  # noqa: PLC0415 - `--help` imports no adapter

    init(source, template, quiet=quiet)
    return ExitCode.OK
