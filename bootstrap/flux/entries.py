"""Finds the entries of a repository: the folders that Flux is started with, as its own files show them."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.flux.overlay import inside, is_scanned
from bootstrap.flux.places import yaml_files
from bootstrap.model.kube import Manifest, mapping_in
from bootstrap.yamltext.kubernetes import YamlError, load_all

_KUSTOMIZE = "kustomize.toolkit.fluxcd.io/"
_OPERATOR = "fluxcd.controlplane.io/"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pointer:
    """Something that Flux builds a folder for."""

    lies_in: str
    path: str


def entries_below(root: Path, folder: str) -> tuple[str, ...]:
    """The entries strictly below a folder that is not one itself, relative to `root`; empty: it may be one.

    A folder is surely an entry if a Kustomization in it, or a FluxInstance anywhere, builds it (`flux bootstrap` and
    the operator write these). The root of a repository is none if Kustomizations lie in its folders alone: Flux
    would apply each of them twice.
    """
    if not is_scanned(root / folder):
        return ()
    pointers = list(_pointers(root, folder))
    certain = {each.path for each in pointers if _builds_itself(each)}
    if folder in certain:
        return ()
    below = {path for path in certain if path != folder and _is_in(path, folder) and (root / path).is_dir()}
    if below or folder != "." or any(each.lies_in == "." for each in pointers):
        return tuple(sorted(below))
    built = {each.path for each in pointers} - {"."}
    return tuple(sorted({each.lies_in for each in pointers if not any(_is_in(each.lies_in, path) for path in built)}))


def _builds_itself(pointer: _Pointer) -> bool:
    """Whether it lies in the folder that it builds. A path without a folder may be of another repository."""
    if pointer.path == ".":
        return pointer.lies_in in {".", "flux-system"}
    return _is_in(pointer.lies_in, pointer.path)


def _is_in(path: str, folder: str) -> bool:
    return folder in {".", path} or path.startswith(f"{folder}/")


def _pointers(root: Path, folder: str) -> Iterator[_Pointer]:
    for file in yaml_files(root / folder):
        content = file.read_bytes()
        if _KUSTOMIZE.encode() not in content and _OPERATOR.encode() not in content:
            continue
        lies_in = file.parent.relative_to(root).as_posix()
        for manifest in _objects(content):
            path = _path_of(manifest)
            if path is not None:
                where = inside(path) if manifest.get("kind") == "FluxInstance" else lies_in
                yield _Pointer(lies_in=posixpath.normpath(where), path=inside(path))


def _objects(content: bytes) -> list[Manifest]:
    try:
        return [each for each in load_all(content.decode(errors="replace")) if isinstance(each, dict)]
    except YamlError:
        return []


def _path_of(manifest: Mapping[str, object]) -> str | None:
    version, kind = str(manifest.get("apiVersion", "")), manifest.get("kind")
    if version.startswith(_KUSTOMIZE) and kind == "Kustomization":
        return str(mapping_in(manifest, "spec").get("path") or ".")
    path = mapping_in(manifest, "spec", "sync").get("path")
    return path if version.startswith(_OPERATOR) and kind == "FluxInstance" and isinstance(path, str) else None
