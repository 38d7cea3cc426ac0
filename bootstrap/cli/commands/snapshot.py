"""`bootstrap snapshot`."""

import functools
from pathlib import Path

import click

from bootstrap.cli.options import (
    ReportOptions,
    StackOptions,
    bare_stack_options,
    output_option,
    quiet_option,
    run_options,
)
from bootstrap.config.flags import SettingFlags
from bootstrap.errors import ExitCode


@click.group("snapshot")
def command() -> None:
    """Save the data of cluster and AWS emulator as one, and bring all of it back in seconds.

    \b
      bootstrap snapshot save before-tests
      bootstrap snapshot restore before-tests
      bootstrap snapshot diff before-tests      what a test left behind
      bootstrap reset                           back to the snapshot that up --snapshot made
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


snapshot = command

_NAME = click.argument("name")
_dry_run = click.option("--dry-run", is_flag=True, help="Only print what would be done.")


@command.command("save")
@_NAME
@bare_stack_options
@run_options
@output_option
@click.option("--overwrite", is_flag=True, help="Replace a snapshot of this name.")
@_dry_run
def save(  # noqa: PLR0913 - one parameter per flag
    *,
    name: str,
    stack: StackOptions,
    flags: SettingFlags,
    reporting: ReportOptions,
    output: str,
    overwrite: bool,
    dry_run: bool,
) -> int:
    """Save cluster and emulator as they are now. Both are stopped for it, and started again.

    \b
      bootstrap snapshot save before-tests
      bootstrap snapshot save before-tests --overwrite --stack quickstart
    """  # noqa: D301 - as above
    from bootstrap.cli.reported_run import look_at_remembered, reported_run  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_remembered_stack  # noqa: PLC0415
    from bootstrap.cli.snapshots import ended, shown_plan  # noqa: PLC0415
    from bootstrap.engine import snapshot as engine  # noqa: PLC0415
    from bootstrap.engine.snapshot_keeper import SnapshotKeeper  # noqa: PLC0415
    from bootstrap.state.snapshots import checked_name  # noqa: PLC0415

    checked_name(name)
    if dry_run:
        with look_at_remembered(stack, timeout=flags.timeout, quiet=reporting.verbosity < 0, programs=False) as look:
            engine.refuse_absent(look.session)
            SnapshotKeeper(look.session).check_save(name, look.cancel, overwrite=overwrite)
        return shown_plan(engine.save_plan(name, overwrite=overwrite), output)
    with reported_run("snapshot", stack, reporting, flags, find=open_remembered_stack) as run:
        report = engine.save(run.session, name, run.how(), emit=run.emit, cancel=run.cancel, overwrite=overwrite)
    return ended(run.session, report, output)


@command.command("restore")
@_NAME
@bare_stack_options
@run_options
@output_option
@_dry_run
def restore(
    *, name: str, stack: StackOptions, flags: SettingFlags, reporting: ReportOptions, output: str, dry_run: bool
) -> int:
    """Bring cluster and emulator back to where they were when the snapshot was saved; what came later is deleted.

    \b
      bootstrap snapshot restore before-tests
      bootstrap snapshot restore before-tests --dry-run
    """  # noqa: D301 - as above
    from bootstrap.cli.session import open_saved  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.snapshots import restored  # noqa: PLC0415
    from bootstrap.state.snapshots import checked_name  # noqa: PLC0415

    find = functools.partial(open_saved, checked_name(name))
    return restored(find, lambda _session: name, stack, reporting, flags, output=output, dry_run=dry_run)


@command.command("list")
@bare_stack_options
@output_option
def list_snapshots(*, stack: StackOptions, output: str) -> int:
    """List the snapshots of a stack: age, size, and what is in them.

    \b
      bootstrap snapshot list
      bootstrap snapshot list --stack quickstart -o json
    """  # noqa: D301 - as above
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.console.results.snapshots import snapshots_json, snapshots_text  # noqa: PLC0415
    from bootstrap.state.snapshots import manifests  # noqa: PLC0415

    with look_at_remembered(stack, quiet=True, programs=False) as look:
        (saved, unreadable), now = manifests(look.session.state), look.session.clock.now()
    show(snapshots_json(saved, unreadable) if output == "json" else snapshots_text(saved, unreadable, now))
    return ExitCode.OK


@command.command("rm")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@bare_stack_options
@quiet_option
def rm(*, names: tuple[str, ...], stack: StackOptions, quiet: bool) -> int:
    """Delete snapshots; the platform stays as it is.

    \b
      bootstrap snapshot rm before-tests
    """  # noqa: D301 - as above
    from bootstrap.cli.options import typed  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.engine.snapshot import remove  # noqa: PLC0415
    from bootstrap.state.snapshots import checked_name  # noqa: PLC0415

    for name in names:
        checked_name(name)
    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        for name in names:
            remove(look.session, name, typed())
            look.work.notify(f"deleted snapshot {name}")
    return ExitCode.OK


@command.command("export")
@_NAME
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@bare_stack_options
@quiet_option
def export(*, name: str, file: Path, stack: StackOptions, quiet: bool) -> int:
    """Write a snapshot into one file, for another machine; prints the names of the secrets in it.

    Only you can read the file.

    \b
      bootstrap snapshot export after-up platform.tar.gz
      bootstrap up --from-snapshot platform.tar.gz      a cold up begins with its data
    """  # noqa: D301 - as above
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.format import size_text  # noqa: PLC0415
    from bootstrap.engine.snapshot import refuse_absent  # noqa: PLC0415
    from bootstrap.state.snapshot_file import export_snapshot  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        refuse_absent(look.session)
        manifest = export_snapshot(look.session.state, name, file, look.cancel)
        look.work.notify(f"{file}: {size_text(file.stat().st_size)}; it holds secrets, keep it to yourself:")
        for secret in manifest.secrets:
            look.work.notify(f"  {secret}")
    return ExitCode.OK


@command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("name", required=False, default="")
@bare_stack_options
@quiet_option
def import_file(*, file: Path, name: str, stack: StackOptions, quiet: bool) -> int:
    """Bring the snapshot of a file here, under its own name or NAME; restore it afterwards.

    \b
      bootstrap snapshot import platform.tar.gz
      bootstrap snapshot import platform.tar.gz of-monday
    """  # noqa: D301 - as above
    from bootstrap.cli.options import typed  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.engine.snapshot import refuse_absent  # noqa: PLC0415
    from bootstrap.state.snapshot_file import import_snapshot  # noqa: PLC0415
    from bootstrap.state.snapshots import checked_name  # noqa: PLC0415
    from bootstrap.system.filelock import hold  # noqa: PLC0415

    if name:
        checked_name(name)
    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        refuse_absent(look.session)
        with hold(look.session.state.lock, typed()):
            manifest = import_snapshot(look.session.state, file, look.cancel, name=name)
        look.work.notify(f"imported snapshot {manifest.name}; next: bootstrap snapshot restore {manifest.name}")
    return ExitCode.OK


@command.command("diff")
@_NAME
@bare_stack_options
@output_option
@quiet_option
@click.option("--exit-code", "fail_on_changes", is_flag=True, help="End with 10 if something differs.")
def diff(*, name: str, stack: StackOptions, output: str, quiet: bool, fail_on_changes: bool) -> int:
    """Print which objects and AWS resources came, went or changed since the snapshot, by count and name.

    Not compared: status, events, leases, endpoints, and pods that a controller made.

    \b
      bootstrap snapshot diff before-tests
      bootstrap snapshot diff before-tests --exit-code     ends with 10 if something differs
    """  # noqa: D301 - as above
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.reported_run import look_at_remembered  # noqa: PLC0415
    from bootstrap.console.results.snapshots import changes_json, changes_text  # noqa: PLC0415
    from bootstrap.engine.snapshot import changes_since  # noqa: PLC0415

    with look_at_remembered(stack, quiet=quiet, programs=False) as look:
        objects, resources = changes_since(look.session, name, look.cancel)
    show(changes_json(name, objects, resources) if output == "json" else changes_text(name, objects, resources))
    return ExitCode.WOULD_CHANGE if fail_on_changes and (objects.count or resources.count) else ExitCode.OK
