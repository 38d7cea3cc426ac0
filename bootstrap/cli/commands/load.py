"""`bootstrap load`."""

import click

from bootstrap.cli.options import StackOptions, bare_stack_options, quiet_option
from bootstrap.errors import ExitCode, RefusedError


@click.command("load")
@bare_stack_options
@quiet_option
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
def command(*, stack: StackOptions, quiet: bool, images: tuple[str, ...]) -> int:
    """Copy images to every node of a kind or k3d cluster, and check that they arrived.

    Images that this machine's Docker engine does not have are pulled first.

    \b
      bootstrap load web:1 worker:1
      bootstrap load --stack quickstart web:1
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.model.observed import TargetState  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        session = look.session
        if session.ports.images is None:
            raise RefusedError(f"provider {session.stack.cluster.provider} has no nodes that images can be loaded into")
        # The remembered cluster counts, even if another one is declared now.
        if session.ports.cluster.observe(look.cancel).state is not TargetState.RUNNING:
            raise RefusedError("the cluster is not running", fix=f"run: {session.up_command}")
        if left := session.ports.images.ensure(images, look.work).left:
            raise RefusedError(
                f"not on this machine and cannot be pulled: {', '.join(left)}",
                fix="build or load it first: docker build, docker load",
            )
    show("".join(f"{image} is on every node\n" for image in images))
    return ExitCode.OK
