"""Lays out the folder that kustomize builds for one Flux Kustomization, without a write into the user's tree.

Flux merges its own settings into the folder's kustomization.yaml. Here the merged file stands in a temporary folder
that mirrors the repository by symbolic links, so that every path in it means what it means in the repository.
"""

import contextlib
import json
import os
import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.yamltext.kubernetes import YamlError, load

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_BY_HELM = ("helmCharts", "helmChartInflationGenerator")
"""What kustomize makes of charts only with --enable-helm, which Flux does not give."""
_IGNORED_FOLDERS = frozenset({".git", ".github", ".circleci"})
_IGNORED_FILES = frozenset(
    {
        ".travis.yml",
        ".gitlab-ci.yml",
        "appveyor.yml",
        ".drone.yml",
        "cloudbuild.yaml",
        "codeship-services.yml",
        "codeship-steps.yml",
        ".goreleaser.yml",
        ".sops.yaml",
        ".flux.yaml",
    }
)
"""What source-controller leaves out of every artifact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Additions:
    """What a Flux Kustomization adds to the kustomization.yaml of its folder."""

    namespace: str | None = None
    name_prefix: str | None = None
    name_suffix: str | None = None
    patches: tuple[Mapping[str, Any], ...] = ()
    patches_strategic_merge: tuple[Mapping[str, Any], ...] = ()
    patches_json6902: tuple[Mapping[str, Any], ...] = ()
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    images: tuple[Mapping[str, Any], ...] = ()
    build_metadata: tuple[str, ...] = field(default=())


def inside(path: str) -> str:
    """A Flux path relative to the root, without a way out of it; `.` is the root."""
    return posixpath.normpath("/" + path).lstrip("/") or "."


@contextlib.contextmanager
def laid_out(root: Path, folder: str, additions: Additions) -> Iterator[Path | None]:
    """The folder to hand to kustomize while the context lasts; None when there is nothing in it to build.

    Raises:
        InvalidError: its kustomization.yaml cannot be read.
    """
    source = root / folder
    merged = _merged(root, source, additions)
    if merged is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bootstrap-kustomize-") as temporary:
        target = _mirror(root, inside(folder), Path(temporary).resolve())
        # As JSON: no text in it can be taken for a boolean or a number, whatever the reader's rules.
        (target / FILE_NAMES[0]).write_text(dump_patch(merged), encoding="utf-8")
        yield target


def _mirror(root: Path, folder: str, target: Path) -> Path:
    """Real folders down to `folder`, links to everything beside them; the last one without its kustomization file."""
    source = root
    for name in () if folder == "." else folder.split("/"):
        _link_all(source, target, {name})
        source, target = source / name, target / name
        target.mkdir()
    _link_all(source, target, set(FILE_NAMES))
    return target


def _link_all(source: Path, target: Path, without: set[str]) -> None:
    for entry in os.scandir(source):
        if entry.name not in without:
            (target / entry.name).symlink_to(entry.path)


def _merged(root: Path, folder: Path, additions: Additions) -> dict[str, Any] | None:
    file = next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)
    if file is None:
        listed = _scan(folder)
        settings: dict[str, Any] = {"resources": listed}
    else:
        settings = _read(file, root)
        listed = settings.get("resources") or settings.get("bases") or []
    _add(settings, folder, additions)
    if not listed:
        # Flux asks for this so that kustomize does not call the file empty; it shows on what generators make.
        settings.setdefault("buildMetadata", ["originAnnotations"])
    # kustomize inside Flux keeps the listed order; kubectl sorts unless `sortOptions` forbids it.
    settings.setdefault("sortOptions", {"order": "fifo"})
    return settings if listed or file is not None or additions.components else None


def is_scanned(folder: Path) -> bool:
    """Whether every YAML file of the folder is a resource: it has no kustomization file."""
    return not any((folder / name).is_file() for name in FILE_NAMES)


def _read(file: Path, root: Path) -> dict[str, Any]:
    shown = file.relative_to(root).as_posix()
    try:
        settings = load(file.read_text(encoding="utf-8"))
    except YamlError as error:
        raise InvalidError([Problem(place=Place(file=shown, line=error.line), text=str(error))]) from error
    if settings is not None and not isinstance(settings, dict):
        raise InvalidError([Problem(place=Place(file=shown), text="is not a kustomization")])
    for key in _BY_HELM:
        if settings and settings.get(key):
            line = next((at for at, text in enumerate(file.read_text().splitlines(), 1) if text.startswith(key)), None)
            text = f"{key}: Flux builds without helm and refuses it; declare a HelmRelease for the chart instead"
            raise InvalidError([Problem(place=Place(file=shown, line=line), text=text)])
    return settings or {}


def _add(settings: dict[str, Any], folder: Path, additions: Additions) -> None:
    given = {
        "namespace": additions.namespace,
        "namePrefix": additions.name_prefix,
        "nameSuffix": additions.name_suffix,
        "buildMetadata": list(additions.build_metadata) or None,
    }
    settings.update({key: value for key, value in given.items() if value is not None})
    _extend(settings, "patches", [dict(patch) for patch in additions.patches])
    _extend(settings, "patchesStrategicMerge", [dump_patch(patch) for patch in additions.patches_strategic_merge])
    _extend(settings, "patchesJson6902", [json6902(patch) for patch in additions.patches_json6902])
    missing = {name for name in additions.components if not (folder / name).exists()}
    leave_out = missing if additions.ignore_missing_components else set()
    _extend(settings, "components", [name for name in additions.components if name not in leave_out])
    for image in additions.images:
        _set_image(settings.setdefault("images", []), image)


def _extend(settings: dict[str, Any], key: str, more: list[Any]) -> None:
    if more:
        settings[key] = [*(settings.get(key) or []), *more]


def dump_patch(patch: object) -> str:
    """A patch as the text that kustomize takes."""
    return json.dumps(patch, ensure_ascii=False)


def json6902(patch: Mapping[str, Any]) -> dict[str, Any]:
    """A patch of the old `patchesJson6902` with its operations as text."""
    return {**patch, "patch": dump_patch(patch.get("patch"))}


def _set_image(images: list[dict[str, Any]], image: Mapping[str, Any]) -> None:
    """An image that is named already is changed field by field; tag and digest change together."""
    there = next((candidate for candidate in images if candidate.get("name") == image.get("name")), None)
    if there is None:
        images.append(dict(image))
        return
    if image.get("newName"):
        there["newName"] = image["newName"]
    if image.get("newTag") or image.get("digest"):
        for key in ("newTag", "digest"):
            there.pop(key, None)
            if image.get(key):
                there[key] = image[key]


def _scan(folder: Path) -> list[str]:
    """The resources of a folder without kustomization.yaml: its YAML files, and subfolders that have one, whole."""
    paths: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _IGNORED_FOLDERS:
                paths += _scan_folder(Path(entry.path))
        elif entry.name.endswith((".yaml", ".yml")) and entry.name not in _IGNORED_FILES:
            paths.append(f"./{entry.name}")
    return paths


def _scan_folder(folder: Path) -> list[str]:
    if any((folder / name).is_file() for name in FILE_NAMES):
        return [f"./{folder.name}"]
    return [f"./{folder.name}/{path[2:]}" for path in _scan(folder)]
