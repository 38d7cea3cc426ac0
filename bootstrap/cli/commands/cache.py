"""`bootstrap cache`."""

import click

from bootstrap.cli.options import StackOptions, declared_options
from bootstrap.errors import ExitCode


@click.group("cache")
def command() -> None:
    """Print what CI needs to keep the cache of programs and charts between jobs.

    \b
      bootstrap cache key ci
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@command.command("key")
@declared_options
def key(*, stack: StackOptions) -> int:
    """Print one line that changes if the stack, its lock files or its seeds change.

    It is the same on every machine and from every folder. The cache is $XDG_CACHE_HOME/bootstrap, else
    ~/.cache/bootstrap; what is in it differs by operating system and processor.

    \b
      bootstrap cache key ci
      bootstrap cache key --set cluster.kubernetes=1.35
    """  # noqa: D301 - as above
    import os  # noqa: PLC0415 - `--help` needs none of these
    from pathlib import Path  # noqa: PLC0415

    from bootstrap.cli.compose import LOCK_FILE  # noqa: PLC0415
    from bootstrap.cli.machine import TOOLS_LOCK_FILE  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.config.cache_key import cache_key  # noqa: PLC0415
    from bootstrap.config.stack import load_stack  # noqa: PLC0415
    from bootstrap.system.installation import version  # noqa: PLC0415

    loaded = load_stack(stack.reference, stack.overrides, cwd=Path.cwd(), environment=os.environ)
    show(f"{cache_key(loaded, (LOCK_FILE, TOOLS_LOCK_FILE), version())}\n")
    return ExitCode.OK
