"""`bootstrap run`."""

import os

import click

from bootstrap.cli.options import StackOptions, bare_stack_options, quiet_option
from bootstrap.errors import RefusedError


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@bare_stack_options
@quiet_option
@click.argument("words", metavar="-- CMD [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(*, stack: StackOptions, quiet: bool, words: tuple[str, ...]) -> int:
    """Run a command with the platform's KUBECONFIG, AWS_ENDPOINT_URL and keys, and kubectl and helm on PATH.

    Ends with the exit code of the command.

    \b
      bootstrap run -- kubectl get pods -A
      bootstrap run --stack quickstart -- aws s3 ls
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.aws_program import folder_of_aws  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.engine.environment import REMOVED, platform_environment  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        variables = platform_environment(look.session, look.cancel)
        path = os.environ.get("PATH", os.defpath)
        own = folder_of_aws(look.session.state, path) if "AWS_ENDPOINT_URL" in variables else ()
        path = os.pathsep.join((*own, *look.session.ports.programs.folders(), path))
    kept = {name: value for name, value in os.environ.items() if name not in REMOVED}
    kept = {name: value for name, value in kept.items() if not name.startswith("AWS_ENDPOINT_URL_")}
    try:
        # The command replaces this process, so that signals, terminal and exit code are those of the command.
        os.execvpe(words[0], words, {**kept, **variables, "PATH": path})  # noqa: S606 - the user's own command, no shell
    except OSError as error:
        raise RefusedError(f"cannot run {words[0]}: {error.strerror}") from error
