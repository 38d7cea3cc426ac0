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
    """Print the images that the stack will pull; needs no cluster.

    Includes images that custom resources name for an operator, and those in the arguments of a container that starts
    others. Suspended releases, and the release that the emulator replaces, are left out.

    \b
      bootstrap images
      bootstrap images --output json | jq -r '.images[].image' | sort -u
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.engine.render import render_all  # noqa: PLC0415
    from bootstrap.plan.manifest_images import images_in  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet, engine_needed=False) as look:
        rendered = render_all(look.session, None, look.work)
    prepared = {each.release.id: each for each in rendered.releases}
    pairs = tuple(images_in(rendered.units, prepared))
    if output == "json":
        rows = [{"step": step, "release": _release(step), "image": image} for step, image in pairs]
        show(json.dumps({"version": 1, "images": rows}, indent=2) + "\n")
    else:
        width = max((len(step) for step, _ in pairs), default=0)
        show("".join(f"{step:<{width}}  {image}\n" for step, image in pairs))
    raise_all(rendered.failures)
    return ExitCode.OK


def _release(step: str) -> str | None:
    """NAMESPACE/NAME of the release; None for the objects of a Kustomization."""
    kind, _, name = step.partition("/")
    return name if kind == "release" else None
