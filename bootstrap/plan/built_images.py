"""Replaces the names of images that the stack builds in rendered manifests (as kustomize's `images:`)."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bootstrap.model.kube import Manifest
from bootstrap.model.release import FluxRepo

_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})


def with_built_images(repo: FluxRepo, references: Mapping[str, str]) -> FluxRepo:
    """The repository with these names, whatever their tag or digest, replaced in its plain objects; pure."""
    if not references:
        return repo
    parts = tuple(
        dataclasses.replace(
            part,
            objects=tuple(replaced(manifest, references) for manifest in part.objects),
            built=tuple(replaced(manifest, references) for manifest in part.built),
        )
        for part in repo.kustomizations
    )
    return dataclasses.replace(repo, kustomizations=parts)


def replaced(manifest: Manifest, references: Mapping[str, str]) -> Manifest:
    """The object with the images of its containers, at any depth, replaced."""
    return manifest if not names_in([manifest], references) else _replaced(manifest, references)


def names_in(manifests: Iterable[Manifest], references: Mapping[str, str]) -> Sequence[str]:
    """Those of the names that containers of these objects use."""
    names = {image_name(image) for manifest in manifests for image in _images(manifest)}
    return [name for name in references if name in names]


def renderer_stage(names: Iterable[str], references: Mapping[str, str]) -> Mapping[str, Any]:
    """The same as a post renderer of a release."""
    pairs = ((name, references[name].rpartition(":")) for name in names)
    return {"images": [{"name": name, "newName": new, "newTag": tag} for name, (new, _, tag) in pairs]}


def image_name(image: str) -> str:
    """Without tag and digest."""
    name = image.partition("@")[0]
    front, colon, tag = name.rpartition(":")
    return front if colon and "/" not in tag else name


def _images(value: Any) -> Iterable[str]:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _CONTAINERS and isinstance(inner, list):
                yield from (str(entry["image"]) for entry in inner if isinstance(entry, Mapping) and entry.get("image"))
            yield from _images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _images(inner)


def _replaced(value: Any, references: Mapping[str, str], *, inside: bool = False) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, Mapping):
        changed = {key: _replaced(inner, references, inside=key in _CONTAINERS) for key, inner in value.items()}
        image = value.get("image")
        if inside and isinstance(image, str) and image_name(image) in references:
            changed["image"] = references[image_name(image)]
        return changed
    if isinstance(value, list):
        return [_replaced(inner, references, inside=inside) for inner in value]
    return value
