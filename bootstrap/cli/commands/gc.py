"""`bootstrap gc`."""

import click

from bootstrap.cli.options import output_option
from bootstrap.errors import ExitCode


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Only tell what would be taken away.")
@output_option
def command(*, dry_run: bool, output: str) -> int:
    """Take away what is past its --ttl: stacks of yours, and what on the engine says so of itself.

    So do processes of stacks of yours whose state folder was removed by hand. What has no time, or is somebody
    else's and has time left, is never touched. Ends with 1 when something that should go is still there.

    \b
      bootstrap gc --dry-run
      bootstrap gc
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.collecting import collect_all  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.running import show  # noqa: PLC0415
    from bootstrap.console.results.stacks import collected_json, collected_text  # noqa: PLC0415

    found = collect_all(dry_run=dry_run)
    show(collected_json(found, dry_run=dry_run) if output == "json" else collected_text(found, dry_run=dry_run))
    return ExitCode.STEP_FAILED if any(one.failure for one in found) else ExitCode.OK
