"""`bootstrap lint`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, output_option, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode, raise_all


@click.command("lint")
@stack_options
@run_options
@tell_options
@output_option
@click.option("--strict", is_flag=True, help="End with 3 when there is anything to note that Flux does not demand.")
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, output: str, strict: bool) -> int:
    """Say what will not work as meant: needs no cluster and changes nothing.

    Misspelt values, storage classes the cluster does not have, stores that read another region than the seeds are
    in, images and charts that are dead. What up does not need a word about is listed too.

    \b
      bootstrap lint
      bootstrap lint prod --strict
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import linting, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.lint import notes_json, notes_text  # noqa: PLC0415

    notes, failures = linting(stack, tell, flags)
    show(notes_json(notes) if output == "json" else notes_text(notes))
    raise_all(failures)
    return ExitCode.INVALID if strict and not all(note.expected for note in notes) else ExitCode.OK
