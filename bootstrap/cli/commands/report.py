"""`bootstrap report`."""

from pathlib import Path

import click

from bootstrap.cli.options import StackOptions, declared_options, quiet_option
from bootstrap.errors import ExitCode


@click.command("report")
@declared_options
@quiet_option
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Write it to this folder, or to this .tar.zst or .tar.gz (default bootstrap-report/STACK-TIME).",
)
def command(*, stack: StackOptions, quiet: bool, output: Path | None) -> int:
    """Write all that explains the state of a stack, without secrets: index.html shows it without a server.

    Causes, events and logs of what is not ready, nodes, the emulator's log, plan, manifests, configuration, AWS data
    and the last run. A stack that is down, an engine that does not answer or a killed run leave a shorter report. At
    most 20 MB. A run that fails in CI writes one too (CI=true; BOOTSTRAP_REPORT=off: none).

    \b
      bootstrap report
      bootstrap report ci --output report.tar.zst
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.report import default_output, write_report  # noqa: PLC0415

    cancel = new_token()
    with interruptible(cancel, quiet=quiet):
        written = write_report(stack, output or default_output(stack, cancel), cancel)
    show(f"{written}\n")
    return ExitCode.OK
