"""`bootstrap explain`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import StackOptions, bare_stack_options, output_option, quiet_option
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.engine.session import Session
    from bootstrap.model.object_report import Explanation


@click.command("explain")
@click.argument("subject", metavar="[STEP|KIND/NAME]", required=False)
@bare_stack_options
@output_option
@quiet_option
def command(*, subject: str | None, stack: StackOptions, output: str, quiet: bool) -> int:
    """Print causes, conditions, events, logs, dependents and the last failure of a step or an object.

    Without an argument, print them for everything that is not ready. Ends with 1 if what is named is not in the
    cluster.

    \b
      bootstrap explain
      bootstrap explain release/shop/web      its objects that are not ready
      bootstrap explain Deployment/web
      bootstrap explain pod/web-7d4b9-x2x8q --output json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.console.results.explain import explain_json, explain_text  # noqa: PLC0415
    from bootstrap.engine.explain import explain  # noqa: PLC0415
    from bootstrap.engine.plan import plan_up  # noqa: PLC0415
    from bootstrap.engine.session import PlanOptions  # noqa: PLC0415
    from bootstrap.kube.object_report import KubeReports  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, engine_needed=False) as look:
        planning = plan_up(look.session, PlanOptions(tolerant=True), look.cancel)
        cluster = KubeReports(look.session.processes)
        explanation = explain(subject, planning, cluster, cluster.find, look.cancel)
        explanation = _completed(explanation, look.session)
    show(explain_json(explanation) if output == "json" else explain_text(explanation))
    return ExitCode.OK if explanation.found else ExitCode.STEP_FAILED


def _completed(explanation: "Explanation", session: "Session") -> "Explanation":
    """With the commands in its fixes as they have to be typed for this stack."""
    from bootstrap.engine.fix_commands import completed_cause  # noqa: PLC0415 - `--help` imports no adapter

    reports = (
        replace(report, causes=tuple(completed_cause(cause, session) for cause in report.causes))
        for report in explanation.reports
    )
    return replace(explanation, reports=tuple(reports))
