"""Looks through a project for what a stack can be made of: Flux, clusters, compose files, init scripts, charts."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bootstrap.errors import InvalidError, RefusedError
from bootstrap.project.flux_entries import FluxObject, entries_of
from bootstrap.seeds.init_scripts.compose_file import NAMES, EmulatorService, emulator_service
from bootstrap.seeds.init_scripts.scripts import scripts_of
from bootstrap.yamltext.positions import read_documents

_SKIPPED = frozenset({".git", ".terraform", ".tox", ".venv", "node_modules", "site-packages", "vendor", "venv"})
_LARGEST = 1 << 20
_FLUX = re.compile(rb"(?m)^\s*apiVersion:\s*[\"']?[\w.]*(?:toolkit\.fluxcd\.io|fluxcd\.controlplane\.io)/")
_CLUSTER = re.compile(rb"(?m)^apiVersion:\s*[\"']?(kind\.x-k8s\.io|k3d\.io)/")
_AWS = re.compile(rb"amazonaws\.com|arn:aws|localstack|ministack|AWS_ENDPOINT_URL|AWS_REGION|AWS_DEFAULT_REGION")
_SCRIPT_FOLDERS = frozenset({"ready.d", "init-aws.d", "localstack-init"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Compose:
    """A compose file with an AWS emulator."""

    file: Path
    service: EmulatorService


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovered:
    """What is in a project; every path is absolute."""

    root: Path
    """What Flux paths are relative to: the Git work tree, else the folder that was looked through."""
    entries: tuple[Path, ...] = ()
    """Folders that Flux is started with, one for each cluster."""
    kind: tuple[Path, ...] = ()
    """Configuration files of kind."""
    k3d: tuple[Path, ...] = ()
    """Configuration files of k3d."""
    compose: tuple[Compose, ...] = ()
    scripts: tuple[Path, ...] = ()
    """Folders of init scripts that no compose file mounts."""
    charts: tuple[Path, ...] = ()
    """Folders of Helm charts that can be installed by themselves."""
    aws: Path | None = None
    """A file that names AWS, or an emulator of it."""
    unread: tuple[str, ...] = ()
    """Files that should be Flux's or a cluster's but are not YAML, with the reason; templates, mostly."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing that a stack could be made of."""
        return not (self.entries or self.kind or self.k3d or self.compose or self.scripts or self.charts)


def discover(folder: Path, environment: Mapping[str, str]) -> Discovered:
    """Look through a folder; reads files, starts nothing."""
    folder = folder.resolve()
    root = next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)
    search = _Search(root)
    for file in _files(folder):
        search.look(file, environment)
    return search.result()


def is_empty(folder: Path) -> bool:
    """Whether nobody has begun anything in this folder: except for hidden files, a README and a licence."""
    names = (path.name for path in folder.iterdir())
    return all(name.startswith((".", "README", "LICENSE", "LICENCE")) for name in names)


def not_found(discovered: Discovered, folder: Path) -> RefusedError:
    """The error for a folder that is in use, with nothing that a stack could be made of."""
    return RefusedError(
        f"there is nothing in {folder} that a stack can be made of: no Flux, Helm chart, configuration of kind or k3d,"
        " AWS emulator in a compose file, or init script",
        evidence=discovered.unread,
        fix="write a small example beside what is there: bootstrap init --template minimal",
    )


class _Search:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._flux: list[FluxObject] = []
        self._clusters: dict[str, list[Path]] = {"kind.x-k8s.io": [], "k3d.io": []}
        self._compose: list[Compose] = []
        self._script_folders: list[Path] = []
        self._charts: list[Path] = []
        self._aws: Path | None = None
        self._unread: list[str] = []

    def look(self, file: Path, environment: Mapping[str, str]) -> None:
        """One file."""
        if file.name in NAMES:
            self._look_at_compose(file, environment)
        elif file.name == "Chart.yaml":
            self._look_at_chart(file)
        elif file.parent.name in _SCRIPT_FOLDERS and file.suffix in {".sh", ".py"}:
            self._script_folders.append(file.parent)
        elif file.suffix in {".yaml", ".yml"}:
            self._look_at_yaml(file)

    def result(self) -> Discovered:
        """All of it."""
        mounted = {script.parent for compose in self._compose for script in compose.service.scripts}
        scripts = [folder for folder in dict.fromkeys(self._script_folders) if folder not in mounted]
        return Discovered(
            root=self._root,
            entries=tuple(self._root / entry for entry in entries_of(self._flux, self._is_folder)),
            kind=tuple(self._clusters["kind.x-k8s.io"]),
            k3d=tuple(self._clusters["k3d.io"]),
            compose=tuple(self._compose),
            scripts=tuple(folder for folder in scripts if scripts_of(folder)),
            charts=tuple(self._charts),
            aws=self._aws,
            unread=tuple(self._unread),
        )

    def _is_folder(self, path: PurePosixPath) -> bool:
        return (self._root / path).is_dir()

    def _look_at_compose(self, file: Path, environment: Mapping[str, str]) -> None:
        try:
            service = emulator_service(file, environment)
        except InvalidError as error:
            self._unread.append(str(error.problems[0]))
            return
        if service is not None:
            self._compose.append(Compose(file=file, service=service))

    def _look_at_chart(self, file: Path) -> None:
        document = next(iter(self._documents(file)), {})
        inside = any((above / "Chart.yaml").exists() for above in file.parents[1:])
        if document.get("type") != "library" and document.get("name") and not inside:
            self._charts.append(file.parent)

    def _look_at_yaml(self, file: Path) -> None:
        content = file.read_bytes() if file.stat().st_size < _LARGEST else b""
        if self._aws is None and _AWS.search(content):
            self._aws = file
        cluster, flux = _CLUSTER.search(content), _FLUX.search(content)
        if (cluster or flux) and not _is_template(file):
            for document in self._documents(file):
                self._keep(file, document, cluster[1].decode() if cluster else None)

    def _keep(self, file: Path, document: Mapping[str, Any], cluster: str | None) -> None:
        version, kind = str(document.get("apiVersion", "")), document.get("kind")
        if cluster is not None and version.startswith(f"{cluster}/") and kind in {"Cluster", "Simple"}:
            self._clusters[cluster].append(file)
        elif ".fluxcd.io/" in version or version.startswith("fluxcd.controlplane.io/"):
            where = PurePosixPath(file.relative_to(self._root).as_posix())
            self._flux.append(FluxObject(file=where, kind=str(kind), document=document))

    def _documents(self, file: Path) -> Sequence[Mapping[str, Any]]:
        try:
            documents = read_documents(file)
        except InvalidError as error:
            self._unread.append(str(error.problems[0]))
            return ()
        return [document.value for document in documents if isinstance(document.value, dict)]


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, in order; nothing of other people's packages, and no folder twice through a link."""
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            file = Path(above, name)
            if file.is_file() and name != "gotk-components.yaml":
                yield file


def _is_template(file: Path) -> bool:
    """Whether it is inside a Helm chart, whose templates have yet to be rendered."""
    return any((above / "Chart.yaml").exists() for above in file.parents)
