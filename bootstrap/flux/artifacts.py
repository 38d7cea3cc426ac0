"""Builds the artifacts that an ArtifactGenerator makes from this repository's files."""

import shutil
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from bootstrap.flux.fields import Fields
from bootstrap.flux.findings import Findings, Subject
from bootstrap.flux.kustomization import SourceRef
from bootstrap.flux.object_index import Store
from bootstrap.flux.overlay import inside
from bootstrap.flux.sources import Sources
from bootstrap.model.kube import ref_of

GROUP = "source.extensions.fluxcd.io"
_GLOB = frozenset("*?[]")
_TARGET = "@artifact/"


class Artifacts:
    """The ExternalArtifacts of one repository, laid out below `folder` when they are first asked for."""

    def __init__(self, root: Path, folder: Path, store: Store, sources: Sources) -> None:
        self._root = root
        self._folder = folder
        self._store = store
        self._sources = sources
        self._made: dict[SourceRef, Path | None] = {}

    def build_from(self, root: Path) -> None:
        """Use the files of this folder: the tree without what its source leaves out."""
        self._root = root

    def root_of(self, ref: SourceRef, findings: Findings) -> Path | None:
        """The folder that paths into this source are relative to; None if it is not made from this repository."""
        if ref.kind != "ExternalArtifact":
            return self._root if self._sources.is_working_tree(ref) else None
        if ref not in self._made:
            self._made[ref] = self._make(ref, findings)
        return self._made[ref]

    def _make(self, ref: SourceRef, findings: Findings) -> Path | None:
        for manifest in self._store.of_kind("ArtifactGenerator"):
            generator = ref_of(manifest)
            if generator.group != GROUP or generator.namespace != ref.namespace:
                continue
            subject = Subject(ref=generator, findings=findings, fallback=str(generator))
            spec = Fields(manifest.get("spec") or {}, subject, "spec")
            entry = next(
                (artifact for artifact in spec.children("artifacts") if artifact.text("name") == ref.name), None
            )
            if entry is not None:
                return self._copied(entry, self._aliases(spec, ref.namespace), ref)
        return None

    def _aliases(self, spec: Fields, namespace: str) -> dict[str, bool]:
        """The sources of the generator that may be this repository: surely, or because no one declares them."""
        named = (
            (
                source.required("alias"),
                SourceRef(
                    kind=source.required("kind"),
                    namespace=source.text("namespace") or namespace,
                    name=source.required("name"),
                ),
            )
            for source in spec.children("sources")
        )
        return {
            alias: self._sources.is_working_tree(ref)
            for alias, ref in named
            if self._sources.is_working_tree(ref) or self._sources.url(ref) is None
        }

    def _copied(self, artifact: Fields, aliases: Mapping[str, bool], ref: SourceRef) -> Path | None:
        target = self._folder / inside(f"{ref.namespace}/{ref.name}")
        target.mkdir(parents=True)
        done = [self._copy(operation, aliases, target) for operation in artifact.children("copy")]
        return target if all(done) else None

    def _copy(self, operation: Fields, aliases: Mapping[str, bool], target: Path) -> bool:
        """Do one copy; whether it could be done."""
        alias, _, pattern = operation.required("from").removeprefix("@").partition("/")
        to = operation.required("to")
        strategy = operation.choice("strategy", ("Overwrite", "Merge", "Extract"), "Overwrite")
        possible = alias in aliases and strategy == "Overwrite" and to.startswith(_TARGET)
        exclude = operation.strings("exclude")
        paths = self._matches(pattern, to.removeprefix(_TARGET), target) if possible else ()
        if possible and aliases[alias] and not paths:
            operation.subject.problem(f"nothing matches {pattern}", operation.at("from"))
        elif not paths:
            operation.subject.note(f"{operation.path} is not supported: only files of this repository are copied")
            return False
        for source, destination, selected in paths:
            _copy_tree(
                source, target / inside(str(destination)), _Exclusion(self._root, self._root / selected, exclude)
            )
        return True

    def _matches(self, pattern: str, to: str, target: Path) -> Sequence[tuple[Path, PurePosixPath, str]]:
        """What to copy where, and the folder that exclusions may be relative to."""
        pattern = inside(pattern)
        if not _GLOB & set(pattern):
            source = self._root / pattern
            into = source.is_dir() or to.endswith("/") or not to or (target / to).is_dir()
            destination = PurePosixPath(to, source.name) if into else PurePosixPath(to)
            return [(source, destination, pattern)] if source.exists() else []
        literal = pattern.split("/")[: next(i for i, part in enumerate(pattern.split("/")) if _GLOB & set(part))]
        selected = "/".join(literal) or "."
        stripped = pattern.endswith("/**") and pattern[: -len("/**")] == selected
        # A `**` is one level here as in Flux; the folders that it finds are copied whole.
        paths = sorted(self._root.glob(pattern.replace("**", "*")))
        base = self._root / selected if stripped else self._root
        return [(source, PurePosixPath(to, source.relative_to(base).as_posix()), selected) for source in paths]


class _Exclusion:
    def __init__(self, root: Path, selected: Path, patterns: Sequence[str]) -> None:
        self._bases = (root, selected)
        self._patterns = patterns

    def holds(self, file: Path) -> bool:
        names = [file.relative_to(base).as_posix() for base in self._bases if file.is_relative_to(base)]
        return any(_excluded(name, pattern) for name in names for pattern in self._patterns)


def _excluded(name: str, pattern: str) -> bool:
    if "/" not in pattern:
        return fnmatchcase(PurePosixPath(name).name, pattern)
    # Python's * crosses slashes, so that `**/` in front only has to be allowed to match nothing.
    return fnmatchcase(name, pattern) or fnmatchcase(name, pattern.removeprefix("**/"))


def _copy_tree(source: Path, target: Path, exclusion: _Exclusion) -> None:
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    for file in files:
        if file.is_file() and not exclusion.holds(file):
            destination = target / file.relative_to(source) if source.is_dir() else target
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, destination)
