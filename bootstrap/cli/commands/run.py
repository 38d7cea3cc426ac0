"""`bootstrap run`."""

import os

import click

from bootstrap.cli.options import StackOptions, name_option
from bootstrap.config.flags import Overrides
from bootstrap.errors import RefusedError


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.option("--stack", "reference", metavar="STACK", help="The stack (default dev).")
@name_option
@click.argument("words", metavar="-- CMD [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(*, reference: str | None, instance: str | None, words: tuple[str, ...]) -> int:
    """Run a command with KUBECONFIG, AWS_ENDPOINT_URL, dummy keys, and kubectl and helm on PATH.

    Ends with its exit code.

    \b
      bootstrap run -- kubectl get pods -A
      bootstrap run --stack quickstart -- aws s3 ls
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.machine import new_token  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_stack  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.engine.environment import REMOVED, platform_environment  # noqa: PLC0415

    cancel = new_token()
    stack = StackOptions(reference=reference, overrides=Overrides(name=instance or ""))
    opened = open_stack(stack, cancel=cancel)
    found = platform_environment(opened.platform, cancel)
    path = os.pathsep.join((*opened.program_folders(), os.environ.get("PATH", os.defpath)))
    kept = {name: value for name, value in os.environ.items() if name not in REMOVED}
    kept = {name: value for name, value in kept.items() if not name.startswith("AWS_ENDPOINT_URL_")}
    try:
        # It takes our place: its signals, its terminal and its exit code are its own.
        os.execvpe(words[0], words, {**kept, **found, "PATH": path})  # noqa: S606 - the user's own command, no shell
    except OSError as error:
        raise RefusedError(f"cannot run {words[0]}: {error.strerror}") from error
