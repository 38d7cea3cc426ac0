"""`bootstrap kubeconfig`."""

from pathlib import Path

import click

from bootstrap.cli.options import StackOptions, stack_options
from bootstrap.errors import ExitCode


@click.command("kubeconfig")
@stack_options
@click.option("--merge", is_flag=True, help="Write its cluster, user and context into your own kubeconfig.")
def command(*, stack: StackOptions, merge: bool) -> int:
    """Print the path of the stack's own kubeconfig; your own is touched only with --merge, and by down after that.

    \b
      export KUBECONFIG=$(bootstrap kubeconfig)
      bootstrap kubeconfig --merge && kubectl config use-context bootstrap-dev
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.running import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_stack  # noqa: PLC0415
    from bootstrap.engine.environment import existing_kubeconfig  # noqa: PLC0415

    platform = open_stack(stack, cancel=new_token()).platform
    own = existing_kubeconfig(platform)
    if merge:
        from bootstrap.kube.user_kubeconfig import merge_kubeconfig, read_kubeconfig, user_kubeconfig  # noqa: PLC0415
        from bootstrap.kube.user_kubeconfig_entries import note_merged  # noqa: PLC0415

        target = user_kubeconfig()
        read_kubeconfig(target)
        note_merged(platform.state, target)
        show(f"{merge_kubeconfig(own, target)} is in {target}\n")
    else:
        show(f"{Path(own)}\n")
    return ExitCode.OK
