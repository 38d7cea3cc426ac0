"""`bootstrap images`."""

import json

import click

from bootstrap.cli.options import StackOptions, chart_options, declared_options, output_option, quiet_option
from bootstrap.errors import ExitCode, raise_all


@click.command("images")
@declared_options
@chart_options
@output_option
@quiet_option
def command(*, stack: StackOptions, timeout: str | None, output: str, quiet: bool) -> int:
    """Print the images that each rendered release will pull; needs no cluster.

    \b
      bootstrap images
      bootstrap images --output json | jq -r '.images[].image' | sort -u
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.engine.render import render_all  # noqa: PLC0415
    from bootstrap.plan.images import images_of  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet) as look:
        rendered = render_all(look.session, None, look.work)
    pairs = [
        (prepared.release.id, image)
        for prepared in rendered.releases
        for image in dict.fromkeys(image for manifest in prepared.manifests or () for image in images_of(manifest))
    ]
    if output == "json":
        found = [{"release": release, "image": image} for release, image in pairs]
        show(json.dumps({"version": 1, "images": found}, indent=2) + "\n")
    else:
        width = max((len(release) for release, _ in pairs), default=0)
        show("".join(f"{release:<{width}}  {image}\n" for release, image in pairs))
    raise_all(rendered.failures)
    return ExitCode.OK
