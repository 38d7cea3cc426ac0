"""`bootstrap kubeconfig`."""

from pathlib import Path

import click

from bootstrap.cli.options import StackOptions, declared_options, quiet_option
from bootstrap.errors import ExitCode


@click.command("kubeconfig")
@declared_options
@quiet_option
@click.option("--merge", is_flag=True, help="Write its cluster, user and context into your kubeconfig.")
def command(*, stack: StackOptions, quiet: bool, merge: bool) -> int:
    """Print the path of the stack's own kubeconfig.

    Your kubeconfig is changed only with --merge; down then deletes these entries again.

    \b
      export KUBECONFIG=$(bootstrap kubeconfig)
      bootstrap kubeconfig --merge && kubectl config use-context bootstrap-dev
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.engine.environment import existing_kubeconfig  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False, engine_needed=False) as look:
        own = existing_kubeconfig(look.session)
        if not merge:
            show(f"{Path(own)}\n")
            return ExitCode.OK
        from bootstrap.kube.user_kubeconfig import merge_kubeconfig, read_kubeconfig, user_kubeconfig  # noqa: PLC0415
        from bootstrap.kube.user_kubeconfig_entries import note_merged  # noqa: PLC0415

        target = user_kubeconfig()
        read_kubeconfig(target)
        note_merged(look.session.state, target)
        show(f"{merge_kubeconfig(own, target)} is in {target}\n")
    return ExitCode.OK
