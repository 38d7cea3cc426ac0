"""`bootstrap reset`."""

import click

from bootstrap.cli.options import ReportOptions, StackOptions, output_option, paused_stack_options, run_options
from bootstrap.config.flags import SettingFlags


@click.command("reset")
@paused_stack_options
@run_options
@output_option
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
def command(*, stack: StackOptions, flags: SettingFlags, reporting: ReportOptions, output: str, dry_run: bool) -> int:
    """Bring cluster and emulator back to where the last up left them; what came later is deleted.

    Restores the snapshot after-up, which up makes with --snapshot, or with snapshot.afterUp in the stack file.
    Without it, the only snapshot of the stack.

    \b
      bootstrap up --snapshot
      bootstrap reset
      bootstrap reset quickstart     another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.session import open_reset  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.snapshots import restored  # noqa: PLC0415
    from bootstrap.engine.snapshot import reset_name  # noqa: PLC0415

    return restored(open_reset, reset_name, stack, reporting, flags, output=output, dry_run=dry_run)
