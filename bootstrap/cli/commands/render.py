"""`bootstrap render`."""

import click

from bootstrap.cli.options import StackOptions, TellOptions, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode, raise_all


@click.command("render")
@stack_options
@run_options
@tell_options
@click.option("--release", "release", metavar="NAME", help="Only this release: NAMESPACE/NAME, or NAME where unique.")
@click.option("--flux", is_flag=True, help="Flux's own objects too, which are not applied: HelmReleases and the like.")
@click.option("--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def command(
    *, stack: StackOptions, flags: SettingFlags, tell: TellOptions, release: str | None, flux: bool, output: str
) -> int:
    """Print the objects of each Kustomization and each release as they will be installed; needs no cluster.

    What cannot be read or rendered is told after all that can.

    \b
      bootstrap render --release grafana
      bootstrap render --output json | jq '.releases[].objects[].kind'
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import rendering, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.manifests import rendered_json, rendered_yaml  # noqa: PLC0415

    rendered = rendering(stack, tell, flags, release)
    show(rendered_json(rendered, flux=flux) if output == "json" else rendered_yaml(rendered, flux=flux))
    raise_all(rendered.failures)
    return ExitCode.OK
