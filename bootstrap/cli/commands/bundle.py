"""`bootstrap bundle`."""

import json
from pathlib import Path

import click

from bootstrap.cli.options import (
    StackOptions,
    chart_options,
    declared_options,
    output_option,
    quiet_option,
)
from bootstrap.errors import ExitCode


@click.group("bundle")
def command() -> None:
    """Put all that up fetches into one file, for a machine without a network.

    \b
      bootstrap bundle create dev.tar.zst
      bootstrap up --offline --bundle dev.tar.zst
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@command.command("create")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@declared_options
@chart_options
@quiet_option
def create(*, file: Path, stack: StackOptions, timeout: str | None, quiet: bool) -> int:
    """Write programs, charts and images of a stack into FILE: a tar archive, compressed by zstandard.

    What is not on this machine is fetched first. Charts are those of bootstrap.lock, programs those of
    bootstrap.tools.lock; the file has the digest of everything in it. Images are in it if the stack is on a Docker
    engine: those of nodes, emulator and containers.

    \b
      bootstrap bundle create quickstart.tar.zst quickstart --provider kwok
      bootstrap up quickstart --provider kwok --offline --bundle quickstart.tar.zst
    """  # noqa: D301 - as above
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.engine.bundle import create_bundle  # noqa: PLC0415
    from bootstrap.model.bundle import items_text  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet) as look:
        head = create_bundle(look.session, file.absolute(), look.work)
    show(f"{file}: {items_text(head.items)}, {file.stat().st_size / 1_000_000:.0f} MB\n")
    return ExitCode.OK


@command.command("show")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output_option
def show_bundle(*, file: Path, output: str) -> int:
    """Print what is in a bundle.

    \b
      bootstrap bundle show dev.tar.zst
      bootstrap bundle show dev.tar.zst --output json | jq -r '.items[] | select(.kind == "image") | .name'
    """  # noqa: D301 - as above
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.state.bundle_file import read_head  # noqa: PLC0415

    head = read_head(file)
    if output == "json":
        show(json.dumps({"version": 1, **head.document()}, indent=2) + "\n")
        return ExitCode.OK
    lines = [f"stack {head.stack} on {head.provider}, {head.platform}"]
    lines += [" ".join(filter(None, (item.kind, item.name, item.version, item.digest))) for item in head.items]
    show("\n".join(lines) + "\n")
    return ExitCode.OK
