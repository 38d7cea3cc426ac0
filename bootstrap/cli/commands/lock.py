"""`bootstrap lock`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode


@click.command("lock")
@stack_options
@run_options
@tell_options
@click.option("--upgrade", is_flag=True, help="Ask every source what its reference means now.")
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, upgrade: bool) -> int:
    """Write down, in bootstrap.lock, which version and digest each chart reference means.

    \b
      bootstrap lock                add what is missing
      bootstrap lock --upgrade      take what is newest now
      bootstrap up --locked         refuse charts that the file does not name
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import locking, show  # noqa: PLC0415 - `--help` imports no adapter

    file, count = locking(stack, tell, flags, upgrade=upgrade)
    show(f"{file}: {count} charts\n")
    return ExitCode.OK
