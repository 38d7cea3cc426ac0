"""The container images that manifests name, wherever they name them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bootstrap.model.kube import Manifest, mappings_in, ref_of
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Release
from bootstrap.plan import ids
from bootstrap.plan.pods import is_test
from bootstrap.plan.units import Units

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_BUILT_IN = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions"})
_REFERENCE = r"[a-z0-9][\w.-]*(?::[0-9]+)?(?:/[a-z0-9][\w.-]*)*(?::\w[\w.-]*)?(?:@sha256:[0-9a-f]{64})?"
_OF_A_REGISTRY = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/[\w./-]+(?::\w[\w.-]*|@sha256:[0-9a-f]{64})")
"""An image reference that cannot be confused with other arguments: a host, a path and a tag or digest."""
_IMAGE_ARGUMENT = re.compile(rf"--[\w.-]*image[\w.-]*=(?P<image>{_REFERENCE})", re.IGNORECASE)
_ARGUMENT = re.compile(rf"--[\w.-]+=(?P<image>{_OF_A_REGISTRY.pattern})")


def images_in(units: Units, prepared: Mapping[str, PreparedRelease]) -> Iterator[tuple[str, str]]:
    """(unit, image) of everything that is installed, each pair once; suspended and replaced releases are in no unit."""
    pairs = ((name, image) for name, manifest in _manifests(units, prepared) for image in images_of(manifest))
    yield from dict.fromkeys(pairs)


def _manifests(units: Units, prepared: Mapping[str, PreparedRelease]) -> Iterator[tuple[str, Manifest]]:
    """(unit, manifest) of everything that is installed, without tests."""
    for unit in units.listed:
        if isinstance(unit, Release):
            prepared_release = prepared.get(unit.id)
            manifests: Iterable[Manifest] = () if prepared_release is None else prepared_release.manifests or ()
            name = ids.release(unit.id)
        else:
            manifests, name = unit.objects, ids.objects(unit.id)
        yield from ((name, manifest) for manifest in manifests if not is_test(manifest))


def always_pulled(units: Units, prepared: Mapping[str, PreparedRelease]) -> Iterator[tuple[str, str]]:
    """(unit, image) of containers whose image the kubelet asks its registry for at every start, each pair once."""
    pairs = ((name, image) for name, manifest in _manifests(units, prepared) for image in _pulled_always(manifest))
    yield from dict.fromkeys(pairs)


def _pulled_always(value: Any) -> Iterator[str]:  # noqa: ANN401 - a manifest's inside
    """Without a policy of its own, an image of the tag `latest` is (kubernetes.io/docs/concepts/containers/images)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for container in inner if key in _CONTAINERS and isinstance(inner, list) else ():
                if isinstance(container, dict) and _is_image(container.get("image")) and _is_pulled_always(container):
                    yield str(container["image"])
            yield from _pulled_always(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pulled_always(inner)


def _is_pulled_always(container: Mapping[str, Any]) -> bool:
    policy, name = container.get("imagePullPolicy"), str(container["image"]).rpartition("/")[2]
    return policy == "Always" or (not policy and "@" not in name and name.partition(":")[2] in {"", "latest"})


def images_of(manifest: Manifest) -> tuple[str, ...]:
    """Every image that a node pulls because of this object, without repetition, in order.

    Those of containers at any depth, as custom resources embed pod templates too; those that a container is given by
    an argument or a variable to start others with; of a custom resource its own image fields, which an operator reads.
    """
    custom = tuple(_of_custom(manifest.get("spec"))) if _is_custom(manifest) else ()
    return tuple(dict.fromkeys([*custom, *_walk(manifest)]))


def _is_custom(manifest: Manifest) -> bool:
    group = ref_of(manifest).group
    return group not in _BUILT_IN and not group.endswith(".k8s.io")


def _of_custom(value: Any) -> Iterator[str]:  # noqa: ANN401 - a manifest's inside
    """`image: a/b:1`, `sidecarImage: a/b:1`, and `image: {repository: a/b, tag: "1"}`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _CONTAINERS:
                continue
            if key == "image" or key.endswith("Image"):
                yield from _image_field(inner)
            yield from _of_custom(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_custom(inner)


def _image_field(value: Any) -> Iterator[str]:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, str) and re.fullmatch(_REFERENCE, value):
        yield value
    elif isinstance(value, dict) and _is_image(value.get("repository")):
        registry = f"{value['registry']}/" if _is_image(value.get("registry")) else ""
        tag = f":{value['tag']}" if value.get("tag") else ""
        yield f"{registry}{value['repository']}{tag}"


def _walk(value: Any) -> Iterator[str]:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _CONTAINERS and isinstance(inner, list):
                for container in (item for item in inner if isinstance(item, dict)):
                    yield from _of_container(container)
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    if _is_image(container.get("image")):
        yield str(container["image"])
    for key in ("command", "args"):
        words = container.get(key)
        for word in words if isinstance(words, list) else ():
            match = _IMAGE_ARGUMENT.fullmatch(str(word)) or _ARGUMENT.fullmatch(str(word))
            if match is not None:
                yield match["image"]
    for variable in mappings_in(container, "env"):
        name, value = variable.get("name"), variable.get("value")
        if "IMAGE" in str(name).upper() and isinstance(value, str) and _OF_A_REGISTRY.fullmatch(value):
            yield value


def _is_image(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
