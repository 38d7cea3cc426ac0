"""`bootstrap gc`."""

import click

from bootstrap.cli.options import output_option, quiet_option
from bootstrap.errors import ExitCode


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@output_option
@quiet_option
def command(*, dry_run: bool, output: str, quiet: bool) -> int:
    """Remove what has expired (--ttl): stacks of yours, and what the labels on the engine say so of.

    Processes of stacks of yours whose state folder was removed by hand go too. What has no expiry, or is somebody
    else's and has time left, is never touched. Ends with 1 when something that should go is still there.

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
