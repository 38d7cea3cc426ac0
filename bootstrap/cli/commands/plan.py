"""`bootstrap plan`."""

from typing import TYPE_CHECKING

import click

from bootstrap.cli.options import (
    StackOptions,
    allow_replace_option,
    chart_options,
    declared_options,
    picture_option,
    quiet_option,
)
from bootstrap.errors import ExitCode, raise_all

if TYPE_CHECKING:
    from bootstrap.engine.session import PlanOptions


@click.command("plan")
@declared_options
@chart_options
@picture_option
@quiet_option
@click.option("-v", "--verbose", count=True, help="Also print the configuration that kind or k3d gets.")
@click.option("--only", multiple=True, metavar="STEP", help="Plan only this step and those it needs; repeatable.")
@click.option("--skip", multiple=True, metavar="STEP", help="Leave out this step; repeatable.")
@click.option("--prune", is_flag=True, help="Include what up --prune would delete.")
@click.option("--prune-all", is_flag=True, help="Include what up --prune-all would delete.")
@allow_replace_option
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--exit-code", "fail_on_changes", is_flag=True, help="End with 10 if something would change.")
@click.option("--down", "teardown", is_flag=True, help="Print what down would do instead.")
def command(  # noqa: PLR0913 - one parameter per flag
    *,
    stack: StackOptions,
    timeout: str | None,
    output: str,
    quiet: bool,
    verbose: int,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    prune: bool,
    prune_all: bool,
    strict: bool,
    allow_replace: tuple[str, ...],
    fail_on_changes: bool,
    teardown: bool,
) -> int:
    """Print what up would do, each step with its reason and the steps it needs; change nothing.

    Problems in the repository are reported after the plan of all other steps.

    \b
      bootstrap plan                     stack dev of this project
      bootstrap plan --output json       for programs
      bootstrap plan --output svg        a picture of what would change
      bootstrap plan --exit-code         ends with 10 if something would change
      bootstrap plan -v                  with the configuration of kind or k3d
      bootstrap plan --down              what down would delete
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if teardown:
        from bootstrap.cli.commands.down import show_teardown  # noqa: PLC0415

        return show_teardown(stack, output=output, timeout=timeout, quiet=quiet, fail_on_changes=fail_on_changes)
    from bootstrap.engine.session import PlanOptions  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.model.replacement import Consent  # noqa: PLC0415

    consent = Consent(steps=frozenset(allow_replace))
    options = PlanOptions(
        only=only, skip=skip, prune=prune, prune_all=prune_all, strict=strict, tolerant=True, consent=consent
    )
    verbosity = -1 if quiet else verbose
    return show_plan(
        stack, options, timeout=timeout, output=output, verbosity=verbosity, fail_on_changes=fail_on_changes
    )


def show_plan(
    stack: StackOptions,
    options: "PlanOptions",
    *,
    timeout: str | None,
    output: str = "text",
    verbosity: int = 0,
    fail_on_changes: bool = False,
) -> int:
    """Print the plan of `up`; the exit code."""
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.console.results.plan import plan_shown  # noqa: PLC0415
    from bootstrap.engine.plan import plan_up  # noqa: PLC0415
    from bootstrap.engine.up import flags_missing  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=verbosity < 0, engine_needed=False) as look:
        planning = plan_up(look.session, options, look.cancel)
        plan, configuration = planning.plan, planning.configuration if verbosity > 0 else None
        show(plan_shown(plan, output, configuration, title=f"plan of stack {look.session.stack.name}"))
        look.work.notify(flags_missing(look.session))
        raise_all((*plan.refusals, *planning.failures))
    return ExitCode.WOULD_CHANGE if fail_on_changes and plan.changes else ExitCode.OK
