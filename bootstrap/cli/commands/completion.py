"""`bootstrap completion`."""

import click

from bootstrap.errors import ExitCode


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> int:
    """Print the completion script for a shell.

    \b
      bootstrap completion bash > ~/.local/share/bash-completion/completions/bootstrap
      bootstrap completion zsh > "${fpath[1]}/_bootstrap"
      bootstrap completion fish > ~/.config/fish/completions/bootstrap.fish
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    from bootstrap.cli.main import bootstrap  # noqa: PLC0415 - main imports us lazily too

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has these three
    click.echo(kind(bootstrap, {}, "bootstrap", "_BOOTSTRAP_COMPLETE").source())
    return ExitCode.OK
