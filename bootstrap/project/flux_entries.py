"""Which folders Flux is started with, as its objects in a repository show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_SYSTEM = "flux-system"
_KUSTOMIZATION, _RELEASE, _INSTANCE = "Kustomization", "HelmRelease", "FluxInstance"


@dataclass(frozen=True, kw_only=True, slots=True)
class FluxObject:
    """One object of Flux's, and the file that it is in, relative to the repository."""

    file: PurePosixPath
    kind: str
    document: Mapping[str, Any]

    @property
    def path(self) -> PurePosixPath | None:
        """The folder that it leads to; None: it leads to none, or to one of another repository."""
        spec = self.document.get("spec") or {}
        sync = (spec.get("sync") or {}) if self.kind == _INSTANCE else spec
        path = sync.get("path") if isinstance(sync, Mapping) else None
        return PurePosixPath(str(path).lstrip("/")) if isinstance(path, str) else None

    @property
    def is_sync(self) -> bool:
        """Whether it is what `flux bootstrap` or the operator starts a cluster with."""
        name = (self.document.get("metadata") or {}).get("name")
        starts = self.kind == _KUSTOMIZATION and name == _SYSTEM and _SYSTEM in self.file.parts
        return starts or (self.kind == _INSTANCE and self.path is not None)

    @property
    def folder(self) -> PurePosixPath:
        """Its folder; what `flux bootstrap` wrote is of the folder around it."""
        return self.file.parent.parent if self.file.parent.name == _SYSTEM else self.file.parent


def entries_of(objects: Iterable[FluxObject], is_folder: Callable[[PurePosixPath], bool]) -> tuple[PurePosixPath, ...]:
    """The folders that nothing else in the repository leads to.

    What `flux bootstrap` wrote names them. Elsewhere they are the folders of Kustomizations to which no other
    Kustomization leads; in a repository of HelmReleases alone, the nearest folder around all of them.
    """
    known = tuple(objects)
    started = {item.path for item in known if item.is_sync and item.path is not None}
    named = {path for path in started if is_folder(path)}
    kustomizations = [item for item in known if item.kind == _KUSTOMIZATION and not item.is_sync]
    siblings = {path.parent for path in named}
    folders = {item.folder for item in kustomizations if _leads_somewhere(item, is_folder)}
    if named:
        return tuple(sorted(named | {folder for folder in folders if folder.parent in siblings}))
    entries = {folder for folder in folders if not _is_led_to(folder, kustomizations)}
    if entries:
        return tuple(sorted(folder for folder in entries if not _is_inside(folder, entries)))
    releases = [item.folder for item in known if item.kind == _RELEASE]
    return (_around(releases),) if releases else ()


def _leads_somewhere(item: FluxObject, is_folder: Callable[[PurePosixPath], bool]) -> bool:
    source = ((item.document.get("spec") or {}).get("sourceRef") or {}).get("kind")
    return source == "ExternalArtifact" or (item.path is not None and is_folder(item.path))


def _is_led_to(folder: PurePosixPath, kustomizations: Sequence[FluxObject]) -> bool:
    """Whether a Kustomization elsewhere leads to it, or to a folder around it."""
    return any(
        item.path is not None
        and item.folder != folder
        and item.path != PurePosixPath()
        and folder.is_relative_to(item.path)
        and not item.folder.is_relative_to(item.path)
        for item in kustomizations
    )


def _is_inside(folder: PurePosixPath, others: Iterable[PurePosixPath]) -> bool:
    return any(folder != other and other != PurePosixPath() and folder.is_relative_to(other) for other in others)


def _around(folders: Sequence[PurePosixPath]) -> PurePosixPath:
    around = folders[0]
    while not all(folder.is_relative_to(around) for folder in folders):
        around = around.parent
    return around
