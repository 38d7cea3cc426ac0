"""`bootstrap env`."""

import json
import os
import shlex

import click

from bootstrap.cli.options import StackOptions, declared_options, quiet_option, tool_option
from bootstrap.errors import ExitCode


@click.command("env")
@declared_options
@tool_option
@quiet_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["shell", "dotenv", "github", "json"]),
    default="shell",
    show_default=True,
    help="Print the result in this form.",
)
def command(*, stack: StackOptions, quiet: bool, output: str) -> int:
    """Print the variables with which kubectl, helm, boto3 and the aws CLI use this platform.

    \b
      eval "$(bootstrap env)"
      bootstrap env --output dotenv > .env
      bootstrap env --output github >> "$GITHUB_ENV"
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.aws_program import folder_of_aws  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.engine.environment import REMOVED, platform_environment  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        variables = platform_environment(look.session, look.cancel)
        match output:
            case "json":
                show(f"{json.dumps(variables, indent=2)}\n")
            case "dotenv":
                show("".join(f"{name}={json.dumps(value)}\n" for name, value in variables.items()))
            case "github":
                # The file that GITHUB_ENV names: the values are ours, and of one line.
                show("".join(f"{name}={value}\n" for name, value in variables.items()))
            case _:
                exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
                path = os.environ.get("PATH", os.defpath)
                own = folder_of_aws(look.session.state, path) if "AWS_ENDPOINT_URL" in variables else ()
                programs = (*own, *look.session.ports.programs.folders())
                folders = "".join(f"{shlex.quote(folder)}:" for folder in programs)
                if folders:
                    exports.append(f'export PATH={folders}"$PATH"')
                show("\n".join((*exports, f"unset {' '.join(REMOVED)}", "")))
    return ExitCode.OK
