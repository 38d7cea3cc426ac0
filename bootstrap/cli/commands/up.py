"""`bootstrap up`."""

import contextlib
from dataclasses import replace
from pathlib import Path

import click

from bootstrap.cli.options import (
    ReportOptions,
    StackOptions,
    allow_replace_option,
    declared_options,
    locked_option,
    patience_of,
    run_options,
    term_of,
    tool_option,
)
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import UsageError
from bootstrap.model.stack import LockWriting


@click.command("up")
@declared_options
@tool_option
@locked_option
@run_options
@click.option("--only", multiple=True, metavar="STEP", help="Only this step and its needs; repeatable.")
@click.option("--skip", multiple=True, metavar="STEP", help="Leave out this step; repeatable.")
@click.option("--fail-fast", is_flag=True, help="Stop all steps at the first failure.")
@click.option("--prune", is_flag=True, help="Delete what Kustomizations no longer have.")
@click.option("--prune-all", is_flag=True, help="Also what was of Kustomizations now gone.")
@allow_replace_option
@click.option("--strict", is_flag=True, help="Treat warnings as errors (exit code 3).")
@click.option("--adopt", is_flag=True, help="Adopt an existing cluster of this name.")
@click.option(
    "--ports",
    type=click.Choice(["declared", "auto"]),
    default="declared",
    help="auto: free ones instead of ports in use.",
)
@click.option("--ttl", metavar="TIME", help="Let any up or gc delete it after TIME (2h).")
@click.option("--patience", metavar="TIME", help="Wait TIME (15s) on a lasting error.")
@click.option(
    "--preload/--no-preload",
    default=True,
    help="Pull with Docker, copy to nodes (default).",
)
@click.option("--snapshot", is_flag=True, help="Save a snapshot, for bootstrap reset.")
@click.option(
    "--from-snapshot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Begin with this export if the stack is new.",
)
@click.option("--offline", is_flag=True, help="Fetch nothing; name all that is missing.")
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Use what is in this file first.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done, as plan does.")
@click.option("--ui", "pages", is_flag=True, help="Serve pages of it, as bootstrap ui does.")
def command(  # noqa: PLR0913 - one parameter per flag
    *,
    stack: StackOptions,
    flags: SettingFlags,
    reporting: ReportOptions,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    fail_fast: bool,
    prune: bool,
    prune_all: bool,
    strict: bool,
    allow_replace: tuple[str, ...],
    adopt: bool,
    preload: bool,
    ports: str,
    ttl: str | None,
    patience: str | None,
    snapshot: bool,
    from_snapshot: Path | None,
    offline: bool,
    bundle: Path | None,
    dry_run: bool,
    pages: bool,
) -> int:
    """Bring the platform up; change nothing if it is already as declared.

    \b
      bootstrap up                       stack dev of this project
      bootstrap up --allow-replace cluster   delete the cluster and create it as declared now
      bootstrap up --only release/grafana    one release, with what it needs
      bootstrap up --set cluster.workers=2 --var app_image=web:2
      bootstrap up ci --name "$CI_JOB_ID" --ttl 2h --ports auto    one of several instances, for 2h
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import report  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import reported_run  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.engine.session import PlanOptions  # noqa: PLC0415
    from bootstrap.engine.up import up  # noqa: PLC0415
    from bootstrap.model.replacement import Consent  # noqa: PLC0415

    if offline and not preload:
        raise UsageError("with --no-preload nodes pull images, with --offline they cannot", fix="leave one of them out")
    term = term_of(ttl)
    consent = Consent(steps=frozenset(allow_replace))
    options = PlanOptions(
        only=only, skip=skip, prune=prune, prune_all=prune_all, strict=strict, tolerant=dry_run, consent=consent
    )
    meant = replace(
        stack,
        adopt=adopt,
        preload=preload,
        choose_ports=ports == "auto",
        patience=patience_of(patience),
        lock_writing=LockWriting.NEVER if dry_run else LockWriting.EXISTING,
    )
    if dry_run:
        if offline or bundle is not None:
            raise UsageError("--dry-run uses no bundle, and fetches the programs that it needs", fix="leave it out")
        if reporting.progress == "json" or reporting.events is not None:
            raise UsageError(
                "--dry-run performs no steps, so there are no events to write", fix="bootstrap plan --output json"
            )
        from bootstrap.cli.commands.plan import show_plan  # noqa: PLC0415

        return show_plan(meant, options, timeout=flags.timeout, verbosity=reporting.verbosity)
    with reported_run("up", meant, reporting, flags) as run, contextlib.ExitStack() as beside:
        if pages:
            from bootstrap.cli.ui import pages_beside_run  # noqa: PLC0415 - loaded only for pages

            address = beside.enter_context(pages_beside_run(stack, run.session))
            if reporting.progress != "json" and reporting.verbosity >= 0:
                report(f"Page: {address.url}")
        how = replace(
            run.how(fail_fast=fail_fast, term=term),
            snapshot=snapshot,
            from_snapshot=from_snapshot,
            offline=offline,
            bundle=bundle,
        )
        return up(run.session, options, how, emit=run.emit, cancel=run.cancel).exit_code
