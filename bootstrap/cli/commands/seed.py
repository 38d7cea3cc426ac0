"""`bootstrap seed`."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.options import output_option, quiet_option
from bootstrap.cli.seeds import (
    SeedOptions,
    chosen,
    export_options,
    lint_options,
    linted,
    opened_seeds,
    seed_options,
    serve_options,
    shown_json,
)
from bootstrap.errors import ExitCode, UsageError
from bootstrap.model.count import counted
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from bootstrap.seeds.results import SeedResult


@click.group("seed")
def command() -> None:
    """Plan, apply, refresh, reset, prune, export or import the AWS data, without the rest of the stack.

    \b
      bootstrap seed plan                              what apply would change, field by field
      bootstrap seed apply --stack dev
      bootstrap seed apply localstack-init --endpoint http://127.0.0.1:4566
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


seed = command

_adopt = click.option("--adopt", is_flag=True, help="Adopt resources of a declared name that bootstrap did not create.")
_replace = click.option("--allow-replace", is_flag=True, help="Delete and recreate what cannot change in place.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only print what would be done.")
_rerun = click.option("--rerun", multiple=True, metavar="SCRIPT", help="Run this init script again; repeatable.")


@command.command("plan")
@seed_options
@_adopt
@click.option("--exit-code", "fail_on_changes", is_flag=True, help="End with 10 if something is not as declared.")
def plan(*, seed: SeedOptions, output: str, adopt: bool, fail_on_changes: bool) -> int:
    """Print what is not as declared, field by field; change nothing.

    \b
      bootstrap seed plan
      bootstrap seed plan localstack-init --endpoint http://127.0.0.1:4566 --exit-code
      bootstrap seed plan --only sqs/orders --output json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.seeds import plan_text  # noqa: PLC0415

    with opened_seeds(seed, writes=False) as opened:
        seed_plan = opened.seeding.plan(opened.endpoint, opened.cancel, chosen(seed, adopt=adopt))
    show(shown_json(seed_plan.to_json()) if output == "json" else plan_text(seed_plan))
    return ExitCode.WOULD_CHANGE if fail_on_changes and seed_plan.differs else ExitCode.OK


@command.command("lint")
@lint_options
@click.option("--schema", is_flag=True, help="Print the JSON Schema of fixture files instead, for editors.")
def lint(*, seed: SeedOptions, schema: bool) -> int:
    """Check fixtures and the files that they name; needs no emulator.

    \b
      bootstrap seed lint localstack-init
      bootstrap seed lint --stack dev
      bootstrap seed lint --schema > seeds.schema.json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter

    if schema:
        from bootstrap.seeds.json_schema import published_schema  # noqa: PLC0415
        from bootstrap.seeds.services.registry import all_services  # noqa: PLC0415

        show(published_schema(all_services()))
        return ExitCode.OK
    show(f"{counted(len(linted(seed).by_id), 'resource')}, nothing wrong\n")
    return ExitCode.OK


@command.command("apply")
@seed_options
@_adopt
@_replace
@_dry_run
@_rerun
def apply(*, seed: SeedOptions, output: str, rerun: tuple[str, ...], **flags: bool) -> int:
    """Create and update the AWS data as declared; what is already so is not written.

    \b
      bootstrap seed apply --stack dev
      bootstrap seed apply localstack-init --endpoint http://127.0.0.1:4566
      bootstrap seed apply --service s3 --dry-run
      bootstrap seed apply --rerun 10-buckets.sh
    """  # noqa: D301 - as above
    options = chosen(seed, rerun=rerun, **flags)
    with opened_seeds(seed, writes=not options.dry_run) as opened:
        result = opened.seeding.apply_fixtures(opened.endpoint, Work(opened.cancel, lambda _text: None), options)
    return _show_result(result, output)


@command.command("refresh")
@seed_options
@_adopt
@_replace
@_dry_run
@click.option("--rotate", is_flag=True, help="Generate new values for generated secrets.")
def refresh(*, seed: SeedOptions, output: str, adopt: bool, allow_replace: bool, dry_run: bool, rotate: bool) -> int:
    """Apply, and delete items, objects and messages that are not declared.

    \b
      bootstrap seed refresh --dry-run                 what would be deleted
      bootstrap seed refresh --only dynamodb/orders
      bootstrap seed refresh --service secretsmanager --rotate
    """  # noqa: D301 - as above
    options = chosen(seed, adopt=adopt, allow_replace=allow_replace, dry_run=dry_run, rotate=rotate)
    with opened_seeds(seed, writes=not dry_run) as opened:
        result = opened.seeding.refresh(opened.endpoint, Work(opened.cancel, lambda _text: None), options)
    return _show_result(result, output)


@command.command("reset")
@seed_options
@_dry_run
def reset(*, seed: SeedOptions, output: str, dry_run: bool) -> int:
    """Delete everything in the emulator, whoever created it, then apply. Generated secrets are kept.

    With --service or --only, only those are deleted. To restore a snapshot: bootstrap reset.

    \b
      bootstrap seed reset --stack dev
      bootstrap seed reset localstack-init --endpoint http://127.0.0.1:4566
    """  # noqa: D301 - as above
    from bootstrap.emulators.endpoint import empty  # noqa: PLC0415 - `--help` imports no adapter

    options = chosen(seed, dry_run=dry_run)
    with opened_seeds(seed, writes=not dry_run) as opened:

        def emptied(through_api: Callable[[], Sequence[str]]) -> EmulatorEndpoint:
            return empty(opened.endpoint, opened.cancel, through_api)

        result = opened.seeding.reset(opened.endpoint, Work(opened.cancel, lambda _text: None), emptied, options)
    return _show_result(result, output)


@command.command("prune")
@seed_options
@_dry_run
def prune(*, seed: SeedOptions, output: str, dry_run: bool) -> int:
    """Delete resources that bootstrap created and that are no longer declared.

    \b
      bootstrap seed prune --dry-run                   what would be deleted
      bootstrap seed prune --service sqs
    """  # noqa: D301 - as above
    options = chosen(seed, dry_run=dry_run)
    with opened_seeds(seed, writes=not dry_run) as opened:
        result = opened.seeding.prune(opened.endpoint, Work(opened.cancel, lambda _text: None), options)
    return _show_result(result, output)


@command.command("export")
@export_options
@click.option("--force", is_flag=True, help="Overwrite files that hold something else.")
def export(*, seed: SeedOptions, output: str, force: bool) -> int:
    """Write the emulator's data as fixture files into the folder PATH (default: the current folder).

    \b
      bootstrap seed export localstack-init --endpoint http://127.0.0.1:4566
      bootstrap seed export folder --service sqs --service sns
    """  # noqa: D301 - as above
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.seeds import endpoint_of  # noqa: PLC0415
    from bootstrap.seeds.export import export as exported  # noqa: PLC0415
    from bootstrap.seeds.services.registry import all_services  # noqa: PLC0415

    if len(seed.paths) > 1:
        raise UsageError(f"one folder is written, not {len(seed.paths)}", fix="name one folder")
    folder = seed.paths[0] if seed.paths else Path()
    options = chosen(seed)
    with endpoint_of(seed) as (endpoint, cancel):
        seed_export = exported(endpoint, all_services(), options.covers, cancel, options.asks)
    missing = sorted(options.only - set(seed_export.resources))
    if missing:
        raise UsageError(f"{missing[0]} is not in the emulator", fix="bootstrap seed export without --only")
    files = seed_export.write(folder, overwrite=force)
    lines = [
        f"{counted(len(seed_export.resources), 'resource')} in {counted(len(files), 'file')}",
        *seed_export.notes,
        "",
    ]
    show(shown_json(seed_export.to_json()) if output == "json" else "\n".join(lines))
    return ExitCode.OK


@command.command("import")
@click.argument("paths", metavar="[SCRIPT]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("seeds"),
    show_default=True,
    metavar="FOLDER",
    help="Write the fixture files into this folder.",
)
@click.option(
    "--driver",
    type=click.Choice(["ministack", "moto"]),
    default="ministack",
    show_default=True,
    help="Run the scripts in a temporary emulator of this kind.",
)
@click.option("--endpoint", metavar="URL", help="Run them in this emulator instead; what they create stays in it.")
@click.option("--force", is_flag=True, help="Overwrite files that hold something else.")
@output_option
@quiet_option
def import_(**given: Any) -> int:  # noqa: ANN401 - click gives what its decorators declare
    """Run init scripts in a temporary emulator, and write what they create as fixtures.

    SCRIPT is an init script, a folder of them, or a compose file with an emulator's service (default: the compose
    file of the current folder). Only what the scripts create is written; what fixtures cannot express is listed.

    \b
      bootstrap seed import                            what docker-compose.yml mounts into LocalStack
      bootstrap seed import init/ready.d --into seeds
      bootstrap seed import scripts/create-queues.sh
    """  # noqa: D301 - as above
    from bootstrap.cli.seed_import import ImportOptions, import_scripts  # noqa: PLC0415 - `--help` imports no adapter

    output = given.pop("output")
    return import_scripts(ImportOptions(**given), output)


@command.command("serve")
@serve_options
@click.option("--apart", metavar="ID", help="Use this account if the emulator isolates accounts, else the usual one.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep in FILE what was there at first, for processes that share an account; unused in an isolated one.",
)
def serve(*, seed: SeedOptions, apart: str | None, baseline: Path | None) -> int:
    """Restore the data for each line of standard input, and answer with a line of JSON; for test runners.

    The first line of its output names the account, and whether that is apart from others.

    A line is a JSON object: {} restores what is declared, {"paths": ["more"]} what these files declare too.
    Restoring undoes every change since the first line. Ends with its input.

    \b
      echo '{}' | bootstrap seed serve --stack dev --apart 000000000001
    """  # noqa: D301 - as above
    from bootstrap.cli.seed_serve import serve_lines  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.seeds.restore import NotApartError  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(opened_seeds(replace(seed, account=apart or ""), writes=True, locked=False))
        except NotApartError:
            opened = stack.enter_context(opened_seeds(seed, writes=True, locked=False))
        return serve_lines(opened, sys.stdin, None if opened.endpoint.access_key else baseline)


def _show_result(result: "SeedResult", output: str) -> int:
    """Show a result, and raise what failed."""
    from bootstrap.cli.output import show  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.console.results.seeds import result_text  # noqa: PLC0415
    from bootstrap.seeds.seeding import raise_failures  # noqa: PLC0415

    show(shown_json(result.to_json()) if output == "json" else result_text(result))
    raise_failures(result)
    return ExitCode.OK
