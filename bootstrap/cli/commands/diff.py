"""`bootstrap diff`."""

import click

from bootstrap.cli.options import StackOptions, chart_options, declared_options, output_option, quiet_option
from bootstrap.errors import ExitCode


@click.command("diff")
@declared_options
@chart_options
@output_option
@quiet_option
@click.option("--exit-code", "fail_on_changes", is_flag=True, help="End with 10 if something differs.")
def command(*, stack: StackOptions, timeout: str | None, output: str, quiet: bool, fail_on_changes: bool) -> int:
    """Print what up would change in the running cluster, object by object; change nothing.

    A dry run on the API server compares the objects, so its defaults are not differences. Values of Secrets are masked.

    \b
      bootstrap diff
      bootstrap diff --exit-code       ends with 10 if something differs
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.console.results.diff import differences_json, differences_text  # noqa: PLC0415
    from bootstrap.engine.diff import differences  # noqa: PLC0415
    from bootstrap.engine.plan import plan_up  # noqa: PLC0415
    from bootstrap.engine.session import PlanOptions  # noqa: PLC0415
    from bootstrap.kube.dry_run import KubeDifferences  # noqa: PLC0415

    with look_at_remembered(stack, timeout=timeout, quiet=quiet) as look:
        session = look.session
        planning = plan_up(session, PlanOptions(), look.cancel)
        compare = KubeDifferences(session.processes, session.state.folder.name)
        found = differences(planning, compare, look.cancel, looked_up=session.ports.charts.looked_up)
        by_unit = [(unit, each) for unit, each in found if each]
    if output == "json":
        show(differences_json(by_unit))
    else:
        show("".join(differences_text(unit, each) for unit, each in by_unit))
    return ExitCode.WOULD_CHANGE if fail_on_changes and by_unit else ExitCode.OK
