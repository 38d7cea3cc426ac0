"""`bootstrap explain`."""

import click

from bootstrap.cli.options import StackOptions, bare_stack_options, output_option, quiet_option


@click.command("explain")
@click.argument("subject", metavar="[STEP|KIND/NAME]", required=False)
@bare_stack_options
@output_option
@quiet_option
def command(*, subject: str | None, stack: StackOptions, output: str, quiet: bool) -> int:
    """Print causes, conditions, events, the last log lines and the dependents of a step or an object.

    Without an argument, print them for everything that is not ready.

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

    with look_at_remembered(stack, quiet=quiet) as look:
        planning = plan_up(look.session, PlanOptions(tolerant=True), look.cancel)
        cluster = KubeReports(look.session.processes)
        reports = explain(subject, planning, cluster, cluster.find, look.cancel)
    show(explain_json(reports) if output == "json" else explain_text(reports))
    return 0
