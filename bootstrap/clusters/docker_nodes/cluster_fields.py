"""The fields that a cluster of containers is created from, and which of them are declared otherwise now; pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.model.replacement import Change
from bootstrap.model.stack import ClusterSpec, Profile

_SHORT = 60
_NONE = "none"


def declared_fields(spec: ClusterSpec, image: str, native: Mapping[str, Any]) -> dict[str, Any]:
    """What is noted of a declaration when the cluster is created: `image` and `native` as they come to."""
    return {
        "cluster.kubernetes": spec.kubernetes,
        "cluster.workers": spec.workers,
        "cluster.ports.http": spec.ports.http,
        "cluster.ports.https": spec.ports.https,
        "cluster.image": image,
        "declares image": spec.image is not None,
        "cluster.config": {key: value for key, value in native.items() if key not in {"kind", "apiVersion"}},
        "cluster.profile": spec.profile.value,
        "cluster.featureGates": {name: bool(on) for name, on in spec.feature_gates.items()},
        "cluster.mounts": [f"{mount.here}:{mount.inside}{':ro' if mount.read_only else ''}" for mount in spec.mounts],
    }


def changes(noted: Mapping[str, Any], declared: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields that are declared otherwise than they were noted, in the order of the documentation."""
    return (*_version(noted, declared), *_others(noted, declared))


def _version(noted: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[Change]:
    """Kubernetes' version if it decides the image, else the image: one that a newer bootstrap knows changes nothing."""
    if not (noted["declares image"] or declared["declares image"]):
        yield from _differing("cluster.kubernetes", noted["cluster.kubernetes"], declared["cluster.kubernetes"])
    else:
        yield from _differing("cluster.image", noted["cluster.image"], declared["cluster.image"])


def _others(noted: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[Change]:
    for field in ("cluster.workers", "cluster.ports.http", "cluster.ports.https"):
        yield from _differing(field, noted[field], declared[field])
    for path, old, new in _paths(noted["cluster.config"], declared["cluster.config"]):
        yield from _differing(f"cluster.config {'.'.join(path)}".rstrip(), old, new)
    for field in ("cluster.profile", "cluster.featureGates", "cluster.mounts"):
        # What only makes a cluster faster is not a reason to recreate one without it.
        if declared[field] != Profile.FAST:
            yield from _differing(field, noted[field], declared[field])


def _differing(field: str, old: object, new: object) -> Iterator[Change]:
    if old != new:
        yield Change(field=field, old=_shown(old), new=_shown(new))


def _shown(value: object) -> str:
    if value in (None, {}, [], ""):
        return _NONE
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _paths(old: object, new: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """Where two documents differ, as deep as both have the same shape."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _paths(old.get(key), new.get(key), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _paths(before, after, (*path, str(number)))
    elif old != new:
        yield path, old, new
