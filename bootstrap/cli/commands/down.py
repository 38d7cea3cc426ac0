"""`bootstrap down`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags


@click.command("down")
@stack_options
@run_options
@tell_options
@click.option("--keep-data", is_flag=True, help="Keep the emulator's data and generated secrets for the next up.")
@click.option(
    "--all", "whole_project", is_flag=True, help="Every stack of this project; with --name, all of that name."
)
def command(
    *, stack: StackOptions, flags: SettingFlags, tell: TellOptions, keep_data: bool, whole_project: bool
) -> int:
    """Take away what up made, and nothing else; as it was made, even when its file is gone.

    \b
      bootstrap down                  stack dev of this project
      bootstrap down ci --name 4711   one of several
      bootstrap down --keep-data      the next up finds the AWS data as it is
      bootstrap down --all            every stack of this project
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.ending import all_down, open_to_end  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.running import running  # noqa: PLC0415
    from bootstrap.engine.flow import down  # noqa: PLC0415

    if whole_project:
        return all_down(stack, tell, flags, keep_data=keep_data)
    with running("down", stack, tell, flags, find=open_to_end) as run:
        report = down(run.platform, run.how(), emit=run.emit, cancel=run.cancel, keep_data=keep_data)
    return report.exit_code
