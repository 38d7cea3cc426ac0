"""`bootstrap render`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode


@click.command("render")
@stack_options
@run_options
@tell_options
@click.option("--release", "release", metavar="NAME", help="Only this release: NAMESPACE/NAME, or NAME where unique.")
@click.option("--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, release: str | None, output: str) -> int:
    """Print the objects of each release as they will be installed; needs no cluster.

    \b
      bootstrap render --release grafana
      bootstrap render --output json | jq '.releases[].objects[].kind'
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import rendering, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.rendered import rendered_json, rendered_yaml  # noqa: PLC0415

    prepared = rendering(stack, tell, flags, release)
    show(rendered_json(prepared) if output == "json" else rendered_yaml(prepared))
    return ExitCode.OK
