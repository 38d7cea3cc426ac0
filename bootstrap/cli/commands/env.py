"""`bootstrap env`."""

import json
import shlex

import click

from bootstrap.cli.options import StackOptions, stack_options
from bootstrap.errors import ExitCode


@click.command("env")
@stack_options
@click.option(
    "--output", type=click.Choice(["shell", "dotenv", "json"]), default="shell", show_default=True, help="The form."
)
def command(*, stack: StackOptions, output: str) -> int:
    """Print the variables that lead kubectl, helm, boto3 and the aws CLI to this platform.

    \b
      eval "$(bootstrap env)"
      bootstrap env --output dotenv > .env
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.machine import new_token  # noqa: PLC0415
    from bootstrap.cli.running import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_stack  # noqa: PLC0415
    from bootstrap.engine.environment import REMOVED, platform_environment  # noqa: PLC0415

    cancel = new_token()
    opened = open_stack(stack, cancel=cancel)
    found = platform_environment(opened.platform, cancel)
    match output:
        case "json":
            show(f"{json.dumps(found, indent=2)}\n")
        case "dotenv":
            show("".join(f"{name}={json.dumps(value)}\n" for name, value in found.items()))
        case _:
            exports = [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
            folders = "".join(f"{shlex.quote(folder)}:" for folder in opened.program_folders())
            if folders:
                exports.append(f'export PATH={folders}"$PATH"')
            show("\n".join((*exports, f"unset {' '.join(REMOVED)}", "")))
    return ExitCode.OK
