"""`bootstrap gc`."""

import click

from bootstrap.cli.options import output_option, quiet_option
from bootstrap.errors import ExitCode


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Only print what would be deleted.")
@output_option
@quiet_option
def command(*, dry_run: bool, output: str, quiet: bool) -> int:
    """Delete stacks that have expired (up --ttl): your own, and those of anybody on the same Docker engine.

    Each is deleted as it was brought up last, whatever its file declares now.

    Of the node images that cluster.bake makes, the two newest of each stack are kept.

    Processes of your stacks whose state folder was deleted by hand are stopped too. Stacks without an expiry, and
    stacks that have not expired, are never touched. Ends with 1 if something could not be deleted; a Docker engine
    that does not answer is reported, and what it may hold stays.

    \b
      bootstrap gc --dry-run
      bootstrap gc
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from dataclasses import replace  # noqa: PLC0415

    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.output import show, silent  # noqa: PLC0415
    from bootstrap.cli.session import collector  # noqa: PLC0415
    from bootstrap.console.results.stacks import collected_json, collected_text  # noqa: PLC0415
    from bootstrap.system.work import Work  # noqa: PLC0415

    cancel = new_token()
    with interruptible(cancel, quiet=quiet):
        collecting = replace(collector(cancel), dry_run=dry_run, orphans_too=True)
        results = collecting.collect(Work(cancel, silent))
    show(collected_json(results, dry_run=dry_run) if output == "json" else collected_text(results, dry_run=dry_run))
    return ExitCode.STEP_FAILED if any(result.failure for result in results) else ExitCode.OK
