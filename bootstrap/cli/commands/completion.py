"""`bootstrap completion`."""

import os
from pathlib import Path

import click

from bootstrap.errors import ExitCode, UsageError

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS), required=False)
@click.option("--install", is_flag=True, help="Write it where the shell looks for completions, and overwrite nothing.")
def command(*, shell: str | None, install: bool) -> int:
    """Print the completion script for a shell (default: yours, of $SHELL), or install it.

    \b
      bootstrap completion --install
      bootstrap completion zsh --install
      bootstrap completion bash > ~/.local/share/bash-completion/completions/bootstrap
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.completion import install_script, script  # noqa: PLC0415 - only here

    chosen = shell or Path(os.environ.get("SHELL", "")).name
    if chosen not in _SHELLS:
        raise UsageError(
            f"there is no completion for the shell {chosen or 'of $SHELL, which is not set'}",
            fix=f"name one of {', '.join(_SHELLS)}: bootstrap completion bash",
        )
    click.echo(install_script(chosen, os.environ) if install else script(chosen))
    return ExitCode.OK
