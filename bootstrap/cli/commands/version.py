"""`bootstrap version`."""

import click

from bootstrap.errors import ExitCode


@click.command("version")
def command() -> int:
    """Print the version, as --version does."""
    from bootstrap.cli.main import version_text  # noqa: PLC0415 - main imports the commands lazily too

    click.echo(version_text())
    return ExitCode.OK
