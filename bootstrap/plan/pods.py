"""What the pods of a workload need to start."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bootstrap.model.kube import Manifest, mapping_in, mappings_in
from bootstrap.model.labels import HELM_HOOK

_TEMPLATE_PATHS: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template", "spec"),
    ),
}
_CONTAINERS = ("initContainers", "containers")
_LATER = "CronJob"
_GROUPS = frozenset({"", "apps", "batch"})


def pod_spec(manifest: Manifest) -> Mapping[str, Any] | None:
    """The spec of the pods that this object makes; None when it makes none."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    path = _TEMPLATE_PATHS.get(str(manifest.get("kind", ""))) if group in _GROUPS else None
    if path is None:
        return None
    *way, last = path
    mapping = mapping_in(manifest, *way).get(last)
    return mapping if isinstance(mapping, Mapping) else None


def images_of(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """The images that the pods of these objects run, each once, in the order of the objects; not those of a test."""
    specs = (spec for manifest in manifests if not is_test(manifest) and (spec := pod_spec(manifest)) is not None)
    containers = (mapping for spec in specs for part in _CONTAINERS for mapping in mappings_in(spec, part))
    return tuple(dict.fromkeys(str(container["image"]) for container in containers if container.get("image")))


def starts_pods(manifests: Iterable[Manifest]) -> str | None:
    """`Kind/name` of the first object whose pods start as soon as it is applied; None: there is none."""
    for manifest in manifests:
        if pod_spec(manifest) is not None and manifest["kind"] != _LATER and not is_test(manifest):
            return f"{manifest['kind']}/{mapping_in(manifest, 'metadata').get('name', '')}"
    return None


def is_test(manifest: Manifest) -> bool:
    """Whether it runs only on `helm test`."""
    hooks = str(mapping_in(manifest, "metadata", "annotations").get(HELM_HOOK, ""))
    return bool(hooks) and all(hook.strip().startswith("test") for hook in hooks.split(","))


def mounted(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, name) of each Secret, ConfigMap and claim without which a pod does not start."""
    for volume in mappings_in(spec, "volumes"):
        yield from _of_volume(volume)
    for secret in mappings_in(spec, "imagePullSecrets"):
        yield "Secret", str(secret.get("name", ""))
    for part in _CONTAINERS:
        for container in mappings_in(spec, part):
            yield from _of_container(container)


def _of_volume(volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    claim = mapping_in(volume, "persistentVolumeClaim")
    if claim:
        yield "PersistentVolumeClaim", str(claim.get("claimName", ""))
    for source in (volume, *mappings_in(volume, "projected", "sources")):
        secret, settings = mapping_in(source, "secret"), mapping_in(source, "configMap")
        if secret and not secret.get("optional"):
            yield "Secret", str(secret.get("secretName") or secret.get("name") or "")
        if settings and not settings.get("optional"):
            yield "ConfigMap", str(settings.get("name", ""))


def _of_container(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for source in mappings_in(container, "envFrom"):
        yield from _required(source, "secretRef", "configMapRef")
    for variable in mappings_in(container, "env"):
        yield from _required(mapping_in(variable, "valueFrom"), "secretKeyRef", "configMapKeyRef")


def _required(source: Mapping[str, Any], secret: str, settings: str) -> Iterator[tuple[str, str]]:
    for key, kind in ((secret, "Secret"), (settings, "ConfigMap")):
        named = mapping_in(source, key)
        if named and not named.get("optional"):
            yield kind, str(named.get("name", ""))
