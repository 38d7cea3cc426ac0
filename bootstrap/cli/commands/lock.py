"""`bootstrap lock`."""

from dataclasses import replace

import click

from bootstrap.cli.options import StackOptions, declared_options, quiet_option, timeout_option, tool_option
from bootstrap.errors import ExitCode, UsageError, raise_all
from bootstrap.model.count import counted
from bootstrap.model.stack import LockWriting


@click.command("lock")
@declared_options
@tool_option
@timeout_option
@quiet_option
@click.option(
    "--check", is_flag=True, help="Only check that the file has every chart reference; end with 10 if it does not."
)
@click.option("--upgrade", is_flag=True, help="Ask every source for the newest version that each reference allows.")
def command(*, stack: StackOptions, timeout: str | None, quiet: bool, check: bool, upgrade: bool) -> int:
    """Write the version and digest of each chart reference into bootstrap.lock.

    \b
      bootstrap lock                add what is missing; up then adds new charts by itself
      bootstrap lock --check        for CI: pulls nothing
      bootstrap lock --upgrade      use the newest versions
      bootstrap up --locked         refuse charts that are not in the file
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.charts.lockfile import read_lock  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.compose import LOCK_FILE  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.engine.obtain import definitions_of, prepare_all  # noqa: PLC0415
    from bootstrap.engine.plan import failures_of  # noqa: PLC0415

    if check and upgrade:
        raise UsageError("--check writes nothing, --upgrade does", fix="give one of them")
    if check:
        return _check(stack, timeout=timeout, quiet=quiet)
    writing = replace(stack, lock_writing=LockWriting.ALWAYS)
    with look_at(writing, timeout=timeout, quiet=quiet) as look:
        ports, file = look.session.ports, look.session.stack.project / LOCK_FILE
        repo = ports.repository.read(look.cancel)
        raise_all(failures_of(repo, ()))
        if upgrade:
            ports.charts.upgrade_lock(repo.releases, look.work)
        else:
            raise_all(failures_of(repo, prepare_all(look.session, repo.releases, definitions_of(repo), look.work)))
    show(f"{file}: {counted(len(read_lock(file).charts), 'chart')}\n")
    return ExitCode.OK


def _check(stack: StackOptions, *, timeout: str | None, quiet: bool) -> int:
    from bootstrap.charts.lockfile import missing, read_lock  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.compose import LOCK_FILE  # noqa: PLC0415
    from bootstrap.cli.output import show  # noqa: PLC0415
    from bootstrap.cli.reported_run import look_at  # noqa: PLC0415
    from bootstrap.engine.plan import failures_of  # noqa: PLC0415

    with look_at(stack, timeout=timeout, quiet=quiet) as look:
        file = look.session.stack.project / LOCK_FILE
        repo = look.session.ports.repository.read(look.cancel)
        raise_all(failures_of(repo, ()))
    lacking = missing(read_lock(file), (release.chart for release in repo.releases))
    show("".join(f"not in {file}: {key}\n" for key in lacking) or f"{file} has every chart\n")
    return ExitCode.WOULD_CHANGE if lacking else ExitCode.OK
