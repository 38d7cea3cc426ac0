"""`bootstrap diff`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode


@click.command("diff")
@stack_options
@run_options
@tell_options
@click.option("--exit-code", "tell_changes", is_flag=True, help="End with 10 when something differs.")
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, tell_changes: bool) -> int:
    """Show what up would change in the running cluster, object by object; changes nothing.

    The API server is asked by a dry run, so its defaults are not differences. Values of Secrets are masked.

    \b
      bootstrap diff
      bootstrap diff --exit-code       ends with 10 when something differs
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import differing, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.diff import differences_text  # noqa: PLC0415

    found = [(unit, each) for unit, each in differing(stack, tell, flags) if each]
    show("".join(differences_text(unit, each) for unit, each in found))
    return ExitCode.WOULD_CHANGE if tell_changes and found else ExitCode.OK
