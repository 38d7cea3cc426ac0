"""`bootstrap plan`."""

import click

from bootstrap.cli.options import (
    StackOptions,
    TellOptions,
    allow_replace_option,
    output_option,
    run_options,
    stack_options,
    tell_options,
)
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode, raise_all


@click.command("plan")
@stack_options
@run_options
@tell_options
@output_option
@click.option("--only", multiple=True, metavar="STEP", help="Only this step, with what it needs.")
@click.option("--skip", multiple=True, metavar="STEP", help="All but this step.")
@click.option("--prune", is_flag=True, help="With what up --prune would remove.")
@allow_replace_option
@click.option("--strict", is_flag=True, help="Refuse where there is something to note.")
@click.option("--exit-code", "tell_changes", is_flag=True, help="End with 10 when something would change.")
def command(  # noqa: PLR0913 - one parameter per flag
    *,
    stack: StackOptions,
    flags: SettingFlags,
    tell: TellOptions,
    output: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    prune: bool,
    strict: bool,
    allow_replace: tuple[str, ...],
    tell_changes: bool,
) -> int:
    """Show what up would do, each step with what it needs and its reason; change nothing.

    What is wrong with the repository is told after the plan of all else.

    \b
      bootstrap plan                     stack dev of this project
      bootstrap plan --output json       for programs
      bootstrap plan --exit-code         ends with 10 when something would change
      bootstrap plan -v                  with what kind or k3d is given
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.running import planning, show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.plan import plan_json, plan_text  # noqa: PLC0415
    from bootstrap.engine.platform import PlanOptions  # noqa: PLC0415
    from bootstrap.model.replacement import Consent  # noqa: PLC0415

    consent = Consent(steps=frozenset(allow_replace))
    options = PlanOptions(only=only, skip=skip, prune=prune, strict=strict, tolerant=True, consent=consent)
    planned = planning(stack, tell, flags, options)
    plan, given = planned.plan, planned.configuration if tell.verbosity > 0 else None
    show(plan_json(plan, given) if output == "json" else plan_text(plan, given))
    raise_all(planned.failures)
    return ExitCode.WOULD_CHANGE if tell_changes and plan.changes else ExitCode.OK
