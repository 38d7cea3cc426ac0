"""`bootstrap pause`."""

import click

from bootstrap.cli.options import StackOptions, paused_stack_options, quiet_option
from bootstrap.errors import ExitCode, RefusedError


@click.command("pause")
@paused_stack_options
@quiet_option
def command(*, stack: StackOptions, quiet: bool) -> int:
    """Stop the containers of a stack on kind or k3d; resume or up starts them again with their data.

    \b
      bootstrap pause              stack dev of this project
      bootstrap pause quickstart   another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    import os  # noqa: PLC0415 - `--help` imports no adapter

    from bootstrap.cli.options import typed  # noqa: PLC0415
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415
    from bootstrap.system.filelock import hold  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        session = look.session
        if not session.stack.cluster.provider.on_docker:
            raise RefusedError(f"provider {session.stack.cluster.provider} has no containers to stop")
        if not session.state.folder.exists():
            raise RefusedError(f"stack {session.stack.name} is not up", fix=f"run: {session.up_command}")
        with hold(session.state.lock, typed()):
            StackOnDocker(session.state, os.environ).stop_all(look.work)
    return ExitCode.OK
