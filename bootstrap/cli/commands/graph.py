"""`bootstrap graph`."""

import click

from bootstrap.cli.options import StackOptions, chart_options, declared_options, quiet_option
from bootstrap.errors import ExitCode, raise_all


@click.command("graph")
@declared_options
@chart_options
@quiet_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "dot", "mermaid", "json", "svg", "html"]),
    default="text",
    show_default=True,
    help="Print the result in this form.",
)
def command(*, stack: StackOptions, timeout: str | None, quiet: bool, output: str) -> int:
    """Print which step needs which, each dependency with its reason.

    svg and html are a picture: each step is coloured by what `up` would do with it.

    \b
      bootstrap graph
      bootstrap graph --output svg > graph.svg
      bootstrap graph --output html > graph.html
      bootstrap graph --output dot | dot -Tpng > graph.png
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.console.results.graph import graph_text  # noqa: PLC0415
    from bootstrap.engine.plan import plan_up  # noqa: PLC0415
    from bootstrap.engine.session import PlanOptions  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet, engine_needed=False) as look:
        planning = plan_up(look.session, PlanOptions(tolerant=True), look.cancel)
    show(graph_text(planning.plan, output, title=f"stack {look.session.stack.name}"))
    raise_all(planning.failures)
    return ExitCode.OK
