"""`bootstrap timeline`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import OUTPUT_FILE, StackOptions, bare_stack_options, output_option
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.console.timeline.compare import Comparison
    from bootstrap.console.timeline.model import Timeline


@click.command("timeline")
@click.argument("run", metavar="[RUN]", required=False)
@bare_stack_options
@click.option("--compare", metavar="RUN", help="Show what became slower since this run.")
@click.option("--html", type=OUTPUT_FILE, help="Write one HTML page that needs nothing else.")
@click.option("--trace", type=OUTPUT_FILE, help="Write a trace for Perfetto (ui.perfetto.dev).")
@click.option(
    "--otlp",
    metavar="[URL]",
    is_flag=False,
    flag_value="",
    help="Send the run to an OpenTelemetry collector (OTEL_EXPORTER_OTLP_ENDPOINT).",
)
@output_option
def command(  # noqa: PLR0913 - one parameter per flag
    *,
    run: str | None,
    stack: StackOptions,
    compare: str | None,
    html: Path | None,
    trace: Path | None,
    otlp: str | None,
    output: str,
) -> int:
    """Print where the time of a run went: its steps, what each waited for, and the critical path.

    RUN is a name of `bootstrap logs --list`, a verb (its last run) or an events file; the default is the last run.

    \b
      bootstrap timeline
      bootstrap timeline up --stack dev --html timeline.html
      bootstrap timeline --compare up-20260102-101500     what became slower since then
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.timeline import read_run  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.timeline.compare import compared  # noqa: PLC0415

    timeline = read_run(run, stack)
    comparison = None if compare is None else compared(read_run(compare, stack), timeline)
    _write(timeline, comparison, html, trace)
    if otlp is not None:
        _send(timeline, otlp)
    if html is None and trace is None and otlp is None:
        _show(timeline, comparison, output)
    return ExitCode.OK


def _show(timeline: "Timeline", comparison: "Comparison | None", output: str) -> None:
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.timeline import terminal_width  # noqa: PLC0415
    from bootstrap.console.timeline.compare import comparison_json, comparison_text  # noqa: PLC0415
    from bootstrap.console.timeline.json_form import timeline_json  # noqa: PLC0415
    from bootstrap.console.timeline.text import timeline_text  # noqa: PLC0415

    if comparison is not None:
        show(comparison_json(comparison) if output == "json" else comparison_text(comparison))
    else:
        show(timeline_json(timeline) if output == "json" else timeline_text(timeline, width=terminal_width()))


def _write(timeline: "Timeline", comparison: "Comparison | None", html: Path | None, trace: Path | None) -> None:
    from bootstrap.cli.timeline import write_result_file  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.timeline.page import timeline_html  # noqa: PLC0415
    from bootstrap.console.timeline.trace import trace_json  # noqa: PLC0415

    if html is not None:
        write_result_file(html, timeline_html(timeline, comparison))
    if trace is not None:
        write_result_file(trace, trace_json(timeline))


def _send(timeline: "Timeline", url: str) -> None:
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.otlp import receiver_of, send, service_name  # noqa: PLC0415
    from bootstrap.console.timeline.otlp import otlp_json  # noqa: PLC0415
    from bootstrap.system.installation import version  # noqa: PLC0415

    receiver, cancel = receiver_of(url, os.environ), new_token()
    with interruptible(cancel, quiet=True):
        send(otlp_json(timeline, service=service_name(os.environ), version=version()), receiver, cancel)
