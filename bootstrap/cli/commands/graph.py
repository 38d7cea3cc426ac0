"""`bootstrap graph`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode, raise_all


@click.command("graph")
@stack_options
@run_options
@tell_options
@click.option("--output", type=click.Choice(["text", "dot", "mermaid"]), default="text", show_default=True)
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, output: str) -> int:
    """Print every edge between steps with its reason.

    \b
      bootstrap graph
      bootstrap graph --output dot | dot -Tsvg > graph.svg
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import planning, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.graph import graph_text  # noqa: PLC0415
    from bootstrap.engine.platform import PlanOptions  # noqa: PLC0415

    planned = planning(stack, tell, flags, PlanOptions(tolerant=True))
    show(graph_text(planned.plan, output))
    raise_all(planned.failures)
    return ExitCode.OK
