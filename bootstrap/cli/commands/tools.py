"""`bootstrap tools`."""

import click

from bootstrap.cli.options import StackOptions, output_option, quiet_option, settings_of, tool_option
from bootstrap.config.flags import Overrides
from bootstrap.errors import ExitCode
from bootstrap.model.stack import Driver, Provider
from bootstrap.system.work import Work


@click.group("tools")
def command() -> None:
    """List or download the programs that bootstrap runs: helm, kubectl, kwok, kind, k3d and a control plane.

    \b
      bootstrap tools list
      bootstrap tools fetch kubectl helm
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@command.command("list")
@output_option
@tool_option
def list_programs(*, output: str, tools: tuple[str, ...]) -> int:
    """Print each program with its version, its path and why it was chosen; downloads nothing."""
    from bootstrap.cli.machine import make_toolchain, new_token  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.doctor import programs_json, programs_text  # noqa: PLC0415

    settings = settings_of(StackOptions(reference=None, overrides=Overrides(), tools=tools))
    programs = make_toolchain(settings, Work(new_token())).resolve_all()
    show(programs_json(programs) if output == "json" else programs_text(programs))
    return ExitCode.OK


@command.command("fetch")
@click.argument("names", nargs=-1)
@quiet_option
def fetch(*, names: tuple[str, ...], quiet: bool) -> int:
    """Download programs into the cache (default: those that the embedded cluster needs).

    A program that is already installed is not downloaded again.
    """
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.machine import REQUIRED, make_toolchain, new_token  # noqa: PLC0415
    from bootstrap.cli.output import reporter, show  # noqa: PLC0415
    from bootstrap.console.results.doctor import programs_text  # noqa: PLC0415

    settings = settings_of(StackOptions(reference=None, overrides=Overrides()))
    cancel = new_token()
    with interruptible(cancel):
        toolchain = make_toolchain(settings, Work(cancel, reporter(quiet=quiet)))
        show(programs_text(toolchain.fetch(names or (*REQUIRED[Provider.KWOK], Driver.MINISTACK.value))))
    return ExitCode.OK
