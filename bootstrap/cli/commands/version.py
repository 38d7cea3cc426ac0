"""`bootstrap version`."""

import click

from bootstrap.errors import ExitCode


@click.command("version")
def command() -> int:
    """Print the version."""
    from importlib.metadata import version  # noqa: PLC0415 - takes a tenth of `--help`'s time

    click.echo(f"bootstrap {version('bootstrap')}")
    return ExitCode.OK
