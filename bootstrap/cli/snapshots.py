"""Shared by `snapshot restore` and `reset`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bootstrap.cli.options import ReportOptions, StackOptions
from bootstrap.cli.output import show
from bootstrap.cli.reported_run import OpenSession, look_at, reported_run
from bootstrap.config.flags import SettingFlags
from bootstrap.console.results.plan import plan_json, plan_text
from bootstrap.console.results.run import RunResult, run_json
from bootstrap.engine import snapshot as engine
from bootstrap.engine.snapshot_keeper import SnapshotKeeper
from bootstrap.errors import ExitCode

if TYPE_CHECKING:
    from bootstrap.engine.run import Report
    from bootstrap.engine.session import Session
    from bootstrap.model.step import Plan


def restored(  # noqa: PLR0913 - what the two verbs were given
    find: OpenSession,
    choose: "Callable[[Session], str]",
    stack: StackOptions,
    reporting: ReportOptions,
    flags: SettingFlags,
    *,
    output: str,
    dry_run: bool,
) -> int:
    """Restore the chosen snapshot, or print that it would be; the exit code."""
    if dry_run:
        with look_at(stack, timeout=flags.timeout, quiet=reporting.verbosity < 0, find=find, programs=False) as look:
            engine.refuse_absent(look.session)
            name = choose(look.session)
            SnapshotKeeper(look.session).check_restore(name, look.cancel)
        return shown_plan(engine.restore_plan(name), output)
    with reported_run("snapshot", stack, reporting, flags, find=find) as run:
        name = choose(run.session)
        report = engine.restore(run.session, name, run.how(), emit=run.emit, cancel=run.cancel)
    return ended(run.session, report, output)


def shown_plan(plan: "Plan", output: str) -> int:
    """Print a plan; the exit code."""
    show(plan_json(plan) if output == "json" else plan_text(plan))
    return ExitCode.OK


def ended(session: "Session", report: "Report", output: str) -> int:
    """Print the result of a run for programs, if that was asked for; the exit code."""
    if output == "json":
        show(run_json(RunResult(stack=session.stack, report=report)))
    return report.exit_code
