"""`import`: what init scripts make in an emulator, as fixtures that make the same; proven, and what is left out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootstrap.errors import StepFailedError
from bootstrap.model import labels
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.export import SeedExport, export
from bootstrap.seeds.init_scripts.compose_file import ScriptSource
from bootstrap.seeds.init_scripts.run import Ended, ScriptRun, run_scripts
from bootstrap.seeds.init_scripts.scripts import Script, texts_of
from bootstrap.seeds.model import Action, ResourceId, Value
from bootstrap.seeds.observe import Options
from bootstrap.seeds.results import ResourceChange, ScriptWarning, SeedPlan
from bootstrap.seeds.seeding import Seeding, raise_failures
from bootstrap.seeds.services.base import Service
from bootstrap.seeds.services.registry import all_services
from bootstrap.seeds.target import Target
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

_OWNER = "seed-import"
_ACCOUNT = re.compile(r"\d{12}")
_OWN_ACCOUNT = "000000000000"
# The AWS command line's groups that are of a service of another name, and those that leave nothing behind.
_GROUPS = {"s3api": "s3", "s3control": "s3", "dynamodbstreams": "dynamodb"}
_LEAVE_NOTHING = frozenset({"sts", "configure", "help"})
_COMMAND = re.compile(r"(?<![\w./-])aws(?:local)?\s+(?:--?[\w-]+(?:[=\s]\S+)?\s+)*?(?P<name>[a-z][a-z0-9-]+)\s+[a-z]")
_CLIENT = re.compile(r"\.(?:client|resource)\(\s*[\"'](?P<name>[a-z0-9-]+)[\"']")


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedImport:
    """Fixtures that stand for init scripts."""

    scripts: tuple[Script, ...]
    exported: SeedExport
    differences: tuple[str, ...]
    """What a plan of the fixtures found, against the scripts' emulator or their own; empty: they are the same."""
    left_out: tuple[str, ...]
    """What the scripts did that no fixture does."""
    warnings: tuple[ScriptWarning, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self, files: Iterable[Path]) -> dict[str, Value]:
        """`kind: SeedImport`."""
        return {
            "version": 1,
            "kind": "SeedImport",
            "scripts": [str(script.file) for script in self.scripts],
            "resources": [str(resource) for resource in self.exported.resources],
            "files": [str(file) for file in files],
            "secretFiles": sorted(self.exported.secret_files),
            "proven": not self.differences,
            "differences": list(self.differences),
            "leftOut": list(self.left_out),
            "warnings": [warning.to_json() for warning in self.warnings],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Importer:
    """Runs scripts in one emulator and proves their fixtures in another."""

    scripts_in: EmulatorEndpoint
    proof_in: EmulatorEndpoint
    """An empty one, thrown away afterwards."""
    processes: Processes
    logs: Path
    services: Mapping[str, Service] = field(default_factory=all_services)

    def run(self, source: ScriptSource, into: Path, work: Work, *, overwrite: bool) -> tuple[SeedImport, list[Path]]:
        """Run the scripts, write the fixtures below `into`, and prove them; what was in the emulator before stays out.

        Raises:
            InvalidError: a script could not start, or would ask somebody else than the emulator.
            StepFailedError: a script failed.
            UsageError: files of these names hold something else.
        """
        before = self._resources(work.cancel)
        how = ScriptRun(
            endpoint=self.scripts_in,
            processes=self.processes,
            logs=self.logs,
            variables=source.variables,
            mounts=source.mounts,
        )
        ended = run_scripts(source.scripts, how, work)
        _raise_failure(ended)
        work.notify("exporting what the scripts created")
        exported = export(self.scripts_in, self.services, lambda resource: resource not in before, work.cancel)
        files = list(exported.write(into, overwrite=overwrite))
        differences = tuple(self._prove(files, work)) if exported.resources else ()
        imported = SeedImport(
            scripts=source.scripts,
            exported=exported,
            differences=differences,
            left_out=tuple(self._left_out(source, exported, ended)),
            warnings=tuple(ended.warnings),
            notes=(*ended.notes, *(note for note in exported.notes if not _is_of_a_resource(note, exported))),
        )
        return imported, files

    def _resources(self, cancel: CancelToken) -> frozenset[ResourceId]:
        target = Target(self.scripts_in, _OWNER, cancel)
        try:
            return frozenset(
                ResourceId(service.name, name) for service in self.services.values() for name in service.names(target)
            )
        finally:
            target.close()

    def _prove(self, files: Iterable[Path], work: Work) -> Iterator[str]:
        """What differs between the fixtures and both emulators: the scripts', and one that they were applied to."""
        seeding = Seeding(
            owner=_OWNER,
            paths=[file for file in files if file.suffix in {".yaml", ".yml"}],
            state=self.logs.parent / "generated",
            environment={},
            processes=self.processes,
        )
        work.notify("applying the fixtures to an empty emulator")
        raise_failures(seeding.apply_fixtures(self.proof_in, work))
        own = seeding.plan(self.proof_in, work.cancel)
        yield from (f"{change}, in an empty emulator that the fixtures were applied to" for change in _changes(own))
        work.notify("comparing the fixtures with what the scripts created")
        stranger = replace(seeding, owner=f"{_OWNER}-stranger")
        # What a plan shows only because it does not know who wrote it, it shows of the proven emulator too.
        unknown = _changes(stranger.plan(self.proof_in, work.cancel, Options(adopt=True)))
        changes = _changes(seeding.plan(self.scripts_in, work.cancel, Options(adopt=True)))
        yield from (f"{change}, in the scripts' emulator" for change in changes if change not in unknown)

    def _left_out(self, source: ScriptSource, exported: SeedExport, ended: Ended) -> Iterator[str]:
        yield from (note for note in exported.notes if _is_of_a_resource(note, exported))
        yield from _other_services(source.scripts, ended, self.services)
        regions = {region for _, region, service in ended.signed if service in self.services} - {self.scripts_in.region}
        for region in sorted(regions):
            yield f"the scripts used region {region}: only its s3 resources are imported"
        for key in sorted({key for key, _, _ in ended.signed if _ACCOUNT.fullmatch(key)} - {_OWN_ACCOUNT}):
            yield f"the scripts used account {key}: its resources are not imported"


def _raise_failure(ended: Ended) -> None:
    failed = next((failure.error for failure in ended.failures if failure.error is not None), None)
    if failed is not None:
        skipped = [str(failure.id) for failure in ended.failures if failure.error is None]
        more = f"; not run: {', '.join(skipped)}" if skipped else ""
        raise StepFailedError(
            failed.what + more,
            evidence=failed.evidence,
            fix=failed.fix,
            log=failed.log,
        )


def _is_of_a_resource(note: str, exported: SeedExport) -> bool:
    return any(note.startswith(f"{resource}:") for resource in exported.resources)


def _changes(plan: SeedPlan) -> list[str]:
    """`sqs/orders: update of attributes.VisibilityTimeout` for each field that is not as declared."""
    lines: list[str] = []
    for change in map(_without_ours, plan.resources):
        paths = ["all"] if change.action is Action.CREATE else [difference.path for difference in change.differences]
        lines += [f"{change.id}: {change.action} of {path}" for path in paths if change.action is not Action.UNCHANGED]
    return lines


def _without_ours(change: ResourceChange) -> ResourceChange:
    """Without what fixtures add by themselves: our tag, and a topic's permission to send to a queue."""
    ours = (f"tags.{labels.OWNER}",)
    kept = tuple(
        difference
        for difference in change.differences
        # Fixtures give a queue the policy that its topic needs; emulators deliver without it.
        if difference.path not in ours and not difference.path.endswith(".permitted")
    )
    return replace(change, differences=kept)


def _other_services(scripts: Iterable[Script], ended: Ended, services: Mapping[str, Service]) -> Iterator[str]:
    """Services of which there are no fixtures, with the lines that use them; those of other clients without."""
    places: dict[str, list[str]] = {}
    for script in scripts:
        for file, text in texts_of(script).items():
            for number, line in enumerate(text.splitlines(), start=1):
                for name in _used(line):
                    places.setdefault(name, []).append(f"{file}:{number}")
    for _, _, service in sorted(ended.signed):
        places.setdefault(service, [])
    for name in sorted(set(places) - set(services) - _LEAVE_NOTHING):
        where = f" ({', '.join(places[name][:3])}{', …' if len(places[name]) > 3 else ''})" if places[name] else ""  # noqa: PLR2004 - a line's worth
        yield f"{name}: it cannot be declared by fixtures{where}"


def _used(line: str) -> Iterator[str]:
    if line.lstrip().startswith("#"):
        return
    for pattern in (_COMMAND, _CLIENT):
        for match in pattern.finditer(line):
            yield _GROUPS.get(match["name"], match["name"])
