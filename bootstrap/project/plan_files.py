"""Which files `init` writes, and why; reads the templates, writes nothing."""

import importlib.resources
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.project.discover import Discovered
from bootstrap.project.stack_files import CI, DEV, Seeds, entry_for, releases, stack_file

STACKS, SEEDS, RELEASES = "stacks", "localstack-init", "releases"
_LISTED = 5


class Template(StrEnum):
    """A small platform to begin with."""

    MINIMAL = "minimal"
    """One chart, one application, one fixture for each AWS service."""
    FLUX = "flux"
    """A Flux repository with two stages, and no AWS."""
    SEEDS_ONLY = "seeds-only"
    """AWS data alone."""


_PARTS = {
    Template.MINIMAL: ("minimal", "web", "seeds"),
    Template.FLUX: ("flux", "web"),
    Template.SEEDS_ONLY: ("seeds",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InitPlan:
    """The files to write, and what to print about them."""

    files: Mapping[Path, bytes]
    found: tuple[str, ...] = ()
    """What was found, a line each."""
    notes: tuple[str, ...] = ()
    """What could not be used, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What became of the init scripts."""

    seeds: Seeds | None = None
    notes: tuple[str, ...] = field(default=())


def plan_template(template: Template, folder: Path) -> InitPlan:
    """The files of a template."""
    files: dict[Path, bytes] = {}
    for part in _PARTS[template]:
        root = Path(str(importlib.resources.files("bootstrap.project"))) / "templates" / part
        files |= {folder / file.relative_to(root): file.read_bytes() for file in _below(root)}
    has_flux, has_seeds = template is not Template.SEEDS_ONLY, template is not Template.FLUX
    discovered = Discovered(root=folder, entries=(folder / "clusters" / "local",) if has_flux else ())
    seeds = Seeds(folder=folder / SEEDS, comment="one fixture for each AWS service") if has_seeds else None
    return InitPlan(files={**files, **_stack_files(discovered, seeds, folder)})


def plan_found(discovered: Discovered, imported: Imported, folder: Path) -> InitPlan:
    """The files for a project as it was found."""
    files: dict[Path, bytes] = {}
    notes = list(imported.notes)
    if not discovered.entries and discovered.charts:
        if folder.is_relative_to(discovered.root):
            entry = folder / STACKS / RELEASES
            texts = releases(discovered.charts, discovered.root)
            files |= {entry / name: text.encode() for name, text in texts.items()}
            discovered = replace(discovered, entries=(entry,))
        else:
            notes.append(f"the charts are not used: run this in {discovered.root}, so that releases can name them")
    files |= _stack_files(discovered, imported.seeds, folder)
    notes += [f"not read: {text}" for text in discovered.unread[:_LISTED]]
    if len(discovered.unread) > _LISTED:
        notes.append(f"not read: {len(discovered.unread) - _LISTED} more files like these")
    return InitPlan(files=files, found=tuple(_found(discovered)), notes=tuple(notes))


def refuse_existing(plan: InitPlan, folder: Path) -> None:
    """Pass if nothing that is there would be overwritten.

    Raises:
        RefusedError: names every file that is there.
    """
    existing = [os.path.relpath(file, folder) for file in plan.files if os.path.lexists(file)]
    if existing:
        raise RefusedError(
            f"{len(existing)} of the files to write exist already, and nothing is overwritten",
            evidence=existing,
            fix="run bootstrap plan with what is there, or rename these files and run it again",
        )


def _stack_files(discovered: Discovered, seeds: Seeds | None, folder: Path) -> dict[Path, bytes]:
    stacks = folder / STACKS
    return {stacks / f"{name}.yaml": stack_file(name, discovered, seeds, stacks).encode() for name in (DEV, CI)}


def _below(root: Path) -> Iterator[Path]:
    return (file for file in sorted(root.rglob("*")) if file.is_file() and "__pycache__" not in file.parts)


def _found(discovered: Discovered) -> Iterator[str]:
    def shown(path: Path) -> str:
        return os.path.relpath(path, discovered.root)

    if discovered.entries and not any(entry.name == RELEASES for entry in discovered.entries):
        chosen = entry_for(DEV, discovered.entries)
        others = [shown(entry) for entry in discovered.entries if entry != chosen]
        yield f"Flux: {shown(chosen)}" + (f" (also {', '.join(others)})" if others else "")
    for name, files in (("kind", discovered.kind), ("k3d", discovered.k3d)):
        if files:
            yield f"configuration of {name}: {', '.join(map(shown, files))}"
    for compose in discovered.compose:
        scripts = len(compose.service.scripts)
        image = compose.service.image or "no image"
        yield f"{shown(compose.file)}: service {compose.service.name} ({image}), {scripts} init scripts"
    if discovered.scripts:
        yield f"init scripts: {', '.join(map(shown, discovered.scripts))}"
    if discovered.charts:
        yield f"Helm charts: {', '.join(map(shown, discovered.charts))}"
