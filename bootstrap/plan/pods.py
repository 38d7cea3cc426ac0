"""What the pods of a workload need to start."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.model.kube import Manifest

_TEMPLATE_PATHS: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template", "spec"),
    ),
}
_CONTAINERS = ("initContainers", "containers")
_GROUPS = frozenset({"", "apps", "batch"})


def pod_spec(manifest: Manifest) -> Mapping[str, Any] | None:
    """The spec of the pods that this object makes; None when it makes none."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    path = _TEMPLATE_PATHS.get(str(manifest.get("kind", ""))) if group in _GROUPS else None
    if path is None:
        return None
    found: Any = manifest
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def images_of(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """The images that the pods of these objects run, each once, in the order of the objects; not those of a test."""
    specs = (spec for one in manifests if not _is_test(one) and (spec := pod_spec(one)) is not None)
    containers = (one for spec in specs for part in _CONTAINERS for one in _maps(spec.get(part)))
    return tuple(dict.fromkeys(str(one["image"]) for one in containers if one.get("image")))


def _is_test(manifest: Manifest) -> bool:
    """Whether it runs on `helm test` alone."""
    hooks = str(((manifest.get("metadata") or {}).get("annotations") or {}).get("helm.sh/hook", ""))
    return bool(hooks) and all(hook.strip().startswith("test") for hook in hooks.split(","))


def mounted(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, name) of each Secret, ConfigMap and claim without which a pod does not start."""
    for volume in _maps(spec.get("volumes")):
        yield from _of_volume(volume)
    for secret in _maps(spec.get("imagePullSecrets")):
        yield "Secret", str(secret.get("name", ""))
    for container in (*_maps(spec.get("initContainers")), *_maps(spec.get("containers"))):
        yield from _of_container(container)


def _of_volume(volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    claim = volume.get("persistentVolumeClaim")
    if claim:
        yield "PersistentVolumeClaim", str(claim.get("claimName", ""))
    for source in (volume, *_maps((volume.get("projected") or {}).get("sources"))):
        secret, settings = source.get("secret"), source.get("configMap")
        if secret and not secret.get("optional"):
            yield "Secret", str(secret.get("secretName") or secret.get("name") or "")
        if settings and not settings.get("optional"):
            yield "ConfigMap", str(settings.get("name", ""))


def _of_container(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for source in _maps(container.get("envFrom")):
        yield from _required(source, "secretRef", "configMapRef")
    for variable in _maps(container.get("env")):
        yield from _required(variable.get("valueFrom") or {}, "secretKeyRef", "configMapKeyRef")


def _required(source: Mapping[str, Any], secret: str, settings: str) -> Iterator[tuple[str, str]]:
    for key, kind in ((secret, "Secret"), (settings, "ConfigMap")):
        named = source.get(key)
        if named and not named.get("optional"):
            yield kind, str(named.get("name", ""))


def _maps(found: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in found if isinstance(one, Mapping)) if isinstance(found, Sequence) else iter(())
