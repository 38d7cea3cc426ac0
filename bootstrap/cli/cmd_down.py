"""`bootstrap down`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags


@click.command("down")
@stack_options
@run_options
@tell_options
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions) -> int:
    """Take away what up made, and nothing else.

    \b
      bootstrap down              stack dev of this project
      bootstrap down quickstart   another stack
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import running  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.engine.flow import down  # noqa: PLC0415

    with running("down", stack, tell, flags) as run:
        report = down(run.platform, run.how(), emit=run.emit, cancel=run.cancel)
    return report.exit_code
