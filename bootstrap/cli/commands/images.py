"""`bootstrap images`."""

import json

import click

from bootstrap.cli.options import StackOptions, TellOptions, output_option, run_options, stack_options, tell_options
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode, raise_all


@click.command("images")
@stack_options
@run_options
@tell_options
@output_option
def command(*, stack: StackOptions, flags: SettingFlags, tell: TellOptions, output: str) -> int:
    """Print the images that each rendered release will pull; needs no cluster.

    \b
      bootstrap images
      bootstrap images --output json | jq -r '.images[].image' | sort -u
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import rendering, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.plan.images import images_of  # noqa: PLC0415

    rendered = rendering(stack, tell, flags, None)
    pairs = [
        (one.release.id, image)
        for one in rendered.releases
        for image in dict.fromkeys(image for manifest in one.manifests or () for image in images_of(manifest))
    ]
    if output == "json":
        found = [{"release": release, "image": image} for release, image in pairs]
        show(json.dumps({"version": 1, "images": found}, indent=2) + "\n")
    else:
        width = max((len(release) for release, _ in pairs), default=0)
        show("".join(f"{release:<{width}}  {image}\n" for release, image in pairs))
    raise_all(rendered.failures)
    return ExitCode.OK
