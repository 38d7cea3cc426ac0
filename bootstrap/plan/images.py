"""The container images that manifests name."""

from collections.abc import Iterator
from typing import Any

from bootstrap.model.kube import Manifest

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def images_of(manifest: Manifest) -> tuple[str, ...]:
    """Every image that pods of this object would pull, without repetition, in order.

    Looks for containers at any depth, as custom resources embed pod templates too; of a custom resource that
    describes what an operator runs (Prometheus, Alertmanager), its own `spec.image` counts.
    """
    spec = manifest.get("spec")
    own = [spec["image"]] if isinstance(spec, dict) and _is_image(spec.get("image")) else []
    return tuple(dict.fromkeys([*own, *_walk(manifest)]))


def _walk(value: Any) -> Iterator[str]:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _CONTAINERS and isinstance(inner, list):
                found = (one.get("image") for one in inner if isinstance(one, dict))
                yield from (str(image) for image in found if _is_image(image))
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _is_image(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
