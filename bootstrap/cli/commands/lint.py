"""`bootstrap lint`."""

import click

from bootstrap.cli.options import StackOptions, chart_options, declared_options, output_option, quiet_option
from bootstrap.errors import ExitCode, raise_all


@click.command("lint")
@declared_options
@chart_options
@output_option
@quiet_option
@click.option(
    "--strict", is_flag=True, help="End with 3 if there is a warning, except about what Flux itself requires."
)
@click.option(
    "--slow",
    is_flag=True,
    help="Report probes too that make up wait: a first look after 5 s or more, looks more than 10 s apart.",
)
def command(*, stack: StackOptions, timeout: str | None, output: str, quiet: bool, strict: bool, slow: bool) -> int:
    """Report problems in the repository and the stack; needs no cluster and changes nothing.

    These are misspelt values, storage classes that the cluster does not have, secret stores that read another
    region than that of the seeds, and discontinued images and charts, and warnings that up does not show.

    \b
      bootstrap lint
      bootstrap lint prod --strict
      bootstrap lint --slow
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.console.results.lint import notes_json, notes_text  # noqa: PLC0415
    from bootstrap.engine.plan import lint_all  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet) as look:
        notes, failures = lint_all(look.session, look.work, slow=slow)
    show(notes_json(notes) if output == "json" else notes_text(notes))
    raise_all(failures)
    return ExitCode.INVALID if strict and not all(note.expected for note in notes) else ExitCode.OK
