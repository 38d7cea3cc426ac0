"""`bootstrap config`."""

import click

from bootstrap.cli.options import StackOptions, declared_options, output_option, tool_option
from bootstrap.errors import ExitCode


@click.command("config")
@declared_options
@tool_option
@output_option
@click.option("--show-origin", is_flag=True, help="Print the origin of each value too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of stack files instead, for editors.")
def command(*, stack: StackOptions, output: str, show_origin: bool, schema: bool) -> int:
    """Print the effective values of the stack and the settings: defaults, files, environment and flags merged.

    \b
      bootstrap config --show-origin
      bootstrap config --schema > stack.schema.json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    import json  # noqa: PLC0415 - `--help` needs none of these

    from bootstrap.cli.options import settings_of  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.session import load_declared  # noqa: PLC0415
    from bootstrap.config.schema import stack_schema  # noqa: PLC0415
    from bootstrap.console.results.config import values_json, values_text  # noqa: PLC0415

    if schema:
        show(json.dumps(stack_schema(), indent=2) + "\n")
        return ExitCode.OK
    loaded = load_declared(stack)
    values = (*loaded.values, *settings_of(stack).values)
    show(values_json(values) if output == "json" else values_text(values, origins=show_origin))
    return ExitCode.OK
