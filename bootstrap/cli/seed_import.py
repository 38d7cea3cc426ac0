"""`bootstrap seed import`: temporary emulators for the importer, and its result as text."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.cli.interrupt import interruptible
from bootstrap.cli.machine import make_toolchain
from bootstrap.cli.options import StackOptions, settings_of, typed
from bootstrap.cli.output import reporter, show
from bootstrap.cli.seeds import SeedOptions, endpoint_of, shown_json
from bootstrap.config.flags import Overrides
from bootstrap.console.results.seeds import import_text
from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.means import Means
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.errors import ExitCode, StepFailedError, UsageError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.seeds.init_scripts.compose_file import ScriptSource, find_compose, read_compose
from bootstrap.seeds.init_scripts.scripts import SERVICE, SUFFIXES, scripts_of, single_script
from bootstrap.seeds.script_import import Importer, SeedImport
from bootstrap.state.orphans import SEED_IMPORT
from bootstrap.state.paths import state_folder
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.filelock import hold
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """What is imported, into what."""

    paths: tuple[Path, ...]
    into: Path
    driver: str
    endpoint: str | None
    force: bool
    quiet: bool


def import_scripts(options: ImportOptions, output: str) -> int:
    """Run scripts in a temporary emulator, write what they created as fixtures, and print it.

    Raises:
        UsageError, InvalidError: there is nothing to import, or it cannot run.
        StepFailedError: a script failed, or the fixtures differ from what it created.
    """
    imported, files = import_into(options)
    show(shown_json(imported.to_json(files)) if output == "json" else import_text(imported, files))
    raise_differences(imported, options.into)
    return ExitCode.OK


def raise_differences(imported: SeedImport, into: Path) -> None:
    """Pass if the fixtures create what the scripts created.

    Raises:
        StepFailedError: they differ.
    """
    if imported.differences:
        raise StepFailedError(
            f"the fixtures in {into} differ from what the scripts created",
            evidence=imported.differences,
            fix="correct the fixtures where they differ, or keep those scripts in ready.d beside the fixtures",
        )


def import_into(options: ImportOptions) -> tuple[SeedImport, list[Path]]:
    """Run scripts in a temporary emulator and write what they created as fixtures; the files.

    Raises:
        UsageError, InvalidError: there is nothing to import, or it cannot run.
        StepFailedError: a script failed.
    """
    clock = SystemClock()
    cancel = CancelToken(clock)
    source = script_source(options.paths)
    folder = state_folder(os.environ) / SEED_IMPORT
    with interruptible(cancel), hold(folder / "lock", typed()):
        work = Work(cancel, reporter(quiet=options.quiet))
        region = source.region or EmulatorSpec().region
        with (
            _scripts_emulator(options, folder, region, work) as scripts_in,
            _discard(folder / "proof", Driver(options.driver), region, work) as proof_in,
        ):
            importer = Importer(
                scripts_in=scripts_in, proof_in=proof_in, processes=SystemProcesses(clock), logs=folder / "logs"
            )
            return importer.run(source, options.into, work, overwrite=options.force)


def script_source(paths: Sequence[Path]) -> ScriptSource:
    """The scripts of these paths: scripts, folders of them, compose files; none: the compose file here.

    Raises:
        UsageError: there are no scripts.
    """
    sources = [_source(path) for path in paths or [_compose_here()]]
    scripts = tuple(dict.fromkeys(script for source in sources for script in source.scripts))
    return ScriptSource(
        scripts=scripts,
        mounts={target: path for source in sources for target, path in source.mounts.items()},
        variables={name: value for source in sources for name, value in source.variables.items()},
        region=next((source.region for source in sources if source.region), None),
    )


def _compose_here() -> Path:
    compose_file = find_compose(Path())
    if compose_file is None:
        raise UsageError(
            "there is no compose file here", fix="name init scripts: bootstrap seed import scripts/init.sh --into seeds"
        )
    return compose_file


def _source(path: Path) -> ScriptSource:
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
        return read_compose(path, os.environ)
    if path.is_file() and path.suffix in SUFFIXES:
        return ScriptSource(scripts=(single_script(path),))
    compose = find_compose(path) if path.is_dir() else None
    for folder in (path / SERVICE, path) if compose is None or (path / SERVICE).is_dir() else ():
        if folder.is_dir() and (scripts := scripts_of(folder)):
            return ScriptSource(scripts=tuple(scripts))
    if compose is not None:
        return read_compose(compose, os.environ)
    raise UsageError(f"{path}: not an init script (*.sh, *.py), a folder of them, or a compose file")


@contextlib.contextmanager
def _scripts_emulator(options: ImportOptions, folder: Path, region: str, work: Work) -> Iterator[EmulatorEndpoint]:
    if options.endpoint is not None:
        with endpoint_of(SeedOptions(paths=(), stack=None, endpoint=options.endpoint)) as (given, _):
            yield replace(given, region=region)
        return
    with _discard(folder / "scripts", Driver(options.driver), region, work) as endpoint:
        yield endpoint


@contextlib.contextmanager
def _discard(folder: Path, driver: Driver, region: str, work: Work) -> Iterator[EmulatorEndpoint]:
    """An emulator of our own for as long as the block; one that a killed run left is ended first."""
    spec = EmulatorSpec(driver=driver, region=region, persist=False, first_port=0)
    clock = work.cancel.clock
    settings = settings_of(StackOptions(reference=None, overrides=Overrides()))
    means = Means(
        state=StatePaths(folder=folder),
        processes=SystemProcesses(clock),
        clock=clock,
        environment=os.environ,
        programs=make_toolchain(settings, work),
    )
    emulator = ProcessEmulator("seed import", spec, driver_of(spec), means)
    emulator.delete(work)
    try:
        yield emulator.up(work)
    finally:
        # The emulator is deleted, whatever stopped the run.
        emulator.delete(Work(CancelToken(clock)))
