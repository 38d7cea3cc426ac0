"""What a repository asks for, cut into units that can be ordered: parts of Kustomizations, and releases."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.model.kube import Manifest
from bootstrap.model.release import (
    FluxRepo,
    GitChart,
    Kustomization,
    LocalChart,
    OciChart,
    Release,
    RepositoryChart,
)
from bootstrap.model.stack import Placement, Provider, Stack
from bootstrap.plan import ids

EMULATOR_PART = "bootstrap-system/emulator"
"""The Kustomization, ours, that holds the Service by which pods reach an emulator outside the cluster."""

_BUILT_IN = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """Everything that is to be in the cluster, in listed order."""

    listed: tuple[Kustomization | Release, ...]
    """Per Kustomization its plain objects, its releases, and then, named `…+custom`, its custom resources.

    Suspended releases and the one the emulator stands for are not among them.
    """
    suspended: tuple[str, ...]
    """Ids of the releases and Kustomizations that are left as they are."""
    emulator: Release | None
    """The release the emulator takes the place of."""

    @property
    def parts(self) -> tuple[Kustomization, ...]:
        """The objects, in listed order."""
        return tuple(unit for unit in self.listed if isinstance(unit, Kustomization))

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases, in listed order."""
        return tuple(unit for unit in self.listed if isinstance(unit, Release))


def cut(stack: Stack, repo: FluxRepo) -> Units:
    """Cut the repository into units; pure."""
    stands_for = emulator_release(stack, repo.releases)
    replaced = stands_for if stack.emulator and stack.emulator.placement is not Placement.CHART else None
    paused = _suspended(repo.kustomizations)
    releases = tuple(
        one
        for one in repo.releases
        if not one.suspended and one.owner not in paused and (replaced is None or one.id != replaced.id)
    )
    owned: dict[str, list[Release]] = {}
    for one in releases:
        owned.setdefault(one.owner, []).append(one)
    listed: list[Kustomization | Release] = []
    if stack.emulator is not None and stack.emulator.placement is not Placement.CHART:
        listed.append(emulator_part(stack, replaced))
    for kustomization in repo.kustomizations:
        if kustomization.id not in paused:
            plain, custom = _parts(kustomization)
            listed += [*plain, *owned.pop(kustomization.id, ()), *custom]
    listed += [one for rest in owned.values() for one in rest]
    resting = tuple(one.id for one in repo.releases if one.suspended or one.owner in paused)
    return Units(listed=tuple(listed), suspended=(*paused, *resting), emulator=replaced)


def emulator_release(stack: Stack, releases: Sequence[Release]) -> Release | None:
    """The release that is the emulator: the one named in the stack, else the only one whose chart is `localstack`."""
    if stack.emulator is None:
        return None
    named = stack.emulator.release
    if named != "auto":
        found = [one for one in releases if named in {one.id, one.name}]
    else:
        found = [one for one in releases if chart_name(one) == "localstack"]
    return found[0] if len(found) == 1 else None


def chart_name(release: Release) -> str:
    """The name of the release's chart as its source tells it."""
    match release.chart:
        case RepositoryChart(name=name):
            return name
        case OciChart(url=url):
            return url.rstrip("/").rpartition("/")[2]
        case GitChart(path=path):
            return path.rstrip("/").rpartition("/")[2]
        case LocalChart(path=folder):
            return folder.name


def emulator_address(replaced: Release | None) -> tuple[str, str]:
    """Namespace and name of the Service that the LocalStack chart would make; `localstack/localstack` without one.

    The name is the chart's own rule: fullnameOverride, else the release's name when it holds the chart's name,
    else both.
    """
    if replaced is None:
        return "localstack", "localstack"
    override = replaced.values.get("fullnameOverride")
    name = str(replaced.values.get("nameOverride") or "localstack")
    full = f"{replaced.release_name}-{name}"
    full = replaced.release_name if name in replaced.release_name else full
    return replaced.target_namespace, str(override or full)[:63]


def emulator_part(stack: Stack, replaced: Release | None) -> Kustomization:
    """The Service of the emulator's in-cluster name; it leads nowhere on a cluster whose pods are simulated."""
    namespace, name = emulator_address(replaced)
    spec: dict[str, object] = {"ports": [{"name": "edge", "port": 4566, "protocol": "TCP", "targetPort": 4566}]}
    if stack.cluster.provider in {Provider.KIND, Provider.K3D}:
        # A name on the stack's own network: nothing in it goes stale when addresses change.
        spec = {"type": "ExternalName", "externalName": f"bootstrap-{stack.name}-emulator", **spec}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    owner, _, part = EMULATOR_PART.partition("/")
    return Kustomization(namespace=owner, name=part, objects=(home, service))


def fingerprint(part: Kustomization) -> str:
    """Changes when what is to be applied, or waited for, changes."""
    wanted = {
        "objects": part.objects,
        "wait": part.wait,
        "health_checks": [dataclasses.asdict(one) for one in part.health_checks],
    }
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _suspended(kustomizations: Sequence[Kustomization]) -> tuple[str, ...]:
    """Suspended ones and all below them: Flux never makes what a suspended parent would bring."""
    resting: dict[str, None] = {}
    # A child may be listed before its parent: look until nothing is added.
    while True:
        before = len(resting)
        for one in kustomizations:
            if one.suspended or one.parent in resting:
                resting[one.id] = None
        if len(resting) == before:
            return tuple(resting)


def _parts(kustomization: Kustomization) -> tuple[tuple[Kustomization, ...], tuple[Kustomization, ...]]:
    """Its plain objects, and those of kinds that are not Kubernetes' own and that it does not define itself.

    A release and a custom resource that it defines often stand in one Kustomization: Flux applies that again and
    again until it fits, an order needs two parts.
    """
    defined = {
        (one["spec"]["group"], one["spec"]["names"]["kind"])
        for one in kustomization.objects
        if one.get("kind") == "CustomResourceDefinition"
    }
    late = [_is_custom(one) and _group_kind(one) not in defined for one in kustomization.objects]
    objects = tuple(zip(kustomization.objects, late, strict=True))
    plain = tuple(one for one, is_late in objects if not is_late)
    custom = tuple(one for one, is_late in objects if is_late)
    # What is waited for by name may be in either part: the last one waits.
    checks = () if custom else kustomization.health_checks
    first = dataclasses.replace(kustomization, objects=plain, health_checks=checks)
    second = dataclasses.replace(kustomization, name=f"{kustomization.name}{ids.CUSTOM_PART}", objects=custom)
    return ((first,) if plain else ()), ((second,) if custom else ())


def _group_kind(manifest: Manifest) -> tuple[str, str]:
    return str(manifest.get("apiVersion", "")).rpartition("/")[0], str(manifest.get("kind", ""))


def _is_custom(manifest: Manifest) -> bool:
    group = _group_kind(manifest)[0]
    return group not in _BUILT_IN and not group.endswith(".k8s.io")
