"""`bootstrap repair`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags


@click.command("repair")
@stack_options
@run_options
@tell_options
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions) -> int:
    """Bring cluster, emulator and AWS data back after restarts; leaves other charts alone.

    \b
      bootstrap repair              stack dev of this project
      bootstrap repair quickstart   another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import running  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.engine.flow import up  # noqa: PLC0415
    from bootstrap.engine.platform import PlanOptions  # noqa: PLC0415
    from bootstrap.plan.select import targets  # noqa: PLC0415

    with running("up", stack, tell, flags) as run:
        options = PlanOptions(only=targets(run.platform.stack), start_only=True)
        report = up(run.platform, options, run.how(), emit=run.emit, cancel=run.cancel)
    return report.exit_code
