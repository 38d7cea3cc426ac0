"""`bootstrap render`."""

import click

from bootstrap.cli.options import StackOptions, chart_options, declared_options, quiet_option
from bootstrap.errors import ExitCode, raise_all


@click.command("render")
@declared_options
@chart_options
@quiet_option
@click.option(
    "--release", "release", metavar="NAME", help="Print only this release: NAMESPACE/NAME, or NAME if it is unique."
)
@click.option(
    "--flux", is_flag=True, help="Print Flux objects too, such as HelmReleases, although they are not applied."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Print the result in this form.",
)
def command(
    *, stack: StackOptions, timeout: str | None, quiet: bool, release: str | None, flux: bool, output: str
) -> int:
    """Print the objects of each Kustomization and each release as they will be installed; needs no cluster.

    Errors in reading and rendering are reported after the objects.

    \b
      bootstrap render --release grafana
      bootstrap render --output json | jq '.releases[].objects[].kind'
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.console.results.manifests import rendered_json, rendered_yaml  # noqa: PLC0415
    from bootstrap.engine.render import render_all  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet, engine_needed=False) as look:
        rendered = render_all(look.session, release, look.work)
    show(rendered_json(rendered, flux=flux) if output == "json" else rendered_yaml(rendered, flux=flux))
    raise_all(rendered.failures)
    return ExitCode.OK
