"""Splits a repository into units that can be ordered: parts of Kustomizations, and releases."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, ref_of
from bootstrap.model.observed import ObjectsObserved
from bootstrap.model.release import FluxRepo, Kustomization, Release
from bootstrap.model.stack import Stack
from bootstrap.model.step import StepId
from bootstrap.plan import ids
from bootstrap.plan.emulator import EMULATOR_PART, emulator_part, emulator_release, is_in_cluster

_BUILT_IN = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """Everything that must be in the cluster, in listed order."""

    listed: tuple[Kustomization | Release, ...]
    """Per Kustomization its plain objects, its releases, and then, named `…+custom`, its custom resources.

    Suspended releases are not among them, nor is the one that an emulator outside the cluster replaces.
    """
    suspended: tuple[str, ...]
    """Ids of the releases and Kustomizations that are left unchanged."""
    emulator: Release | None
    """The release that the emulator is (placement `chart`), or replaces."""

    @property
    def parts(self) -> tuple[Kustomization, ...]:
        """The objects, in listed order."""
        return tuple(unit for unit in self.listed if isinstance(unit, Kustomization))

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases, in listed order."""
        return tuple(unit for unit in self.listed if isinstance(unit, Release))

    @property
    def installed_emulator(self) -> Release | None:
        """The release that the emulator is."""
        return self.emulator if self.emulator in self.listed else None

    @property
    def emulator_steps(self) -> tuple[StepId, ...]:
        """The steps after which the emulator can be reached by its name in the cluster."""
        installed = self.installed_emulator
        there = ids.objects(EMULATOR_PART) if installed is None else ids.release(installed.id)
        return (ids.EMULATOR, there)


def cut(stack: Stack, repo: FluxRepo) -> Units:
    """Split the repository into units; pure.

    Raises:
        InvalidError: the release of the emulator is missing, ambiguous or suspended.
    """
    paused = _suspended(repo.kustomizations)
    stands_for = emulator_release(stack, repo.releases, paused)
    replaced = None if is_in_cluster(stack) else stands_for
    releases = tuple(
        release
        for release in repo.releases
        if not release.suspended and release.owner not in paused and (replaced is None or release.id != replaced.id)
    )
    owned: dict[str, list[Release]] = {}
    for helm_release in releases:
        owned.setdefault(helm_release.owner, []).append(helm_release)
    listed: list[Kustomization | Release] = []
    if stack.emulator is not None and not is_in_cluster(stack):
        listed.append(_without_namespaces_of(repo, emulator_part(stack, replaced)))
    for kustomization in repo.kustomizations:
        if kustomization.id not in paused:
            plain, custom = _parts(kustomization)
            listed += [*plain, *owned.pop(kustomization.id, ()), *custom]
    listed += [release_id for rest in owned.values() for release_id in rest]
    resting = tuple(release.id for release in repo.releases if release.suspended or release.owner in paused)
    return Units(listed=tuple(listed), suspended=(*paused, *resting), emulator=stands_for)


def _without_namespaces_of(repo: FluxRepo, part: Kustomization) -> Kustomization:
    """Our part without a Namespace that the repository declares: one object has one author, and its labels stay."""
    declared = {ref_of(item) for kustomization in repo.kustomizations for item in kustomization.objects}
    kept = (item for item in part.objects if item.get("kind") != "Namespace" or ref_of(item) not in declared)
    return dataclasses.replace(part, objects=tuple(kept))


def fingerprint(part: Kustomization) -> str:
    """Changes when what is to be applied, or waited for, changes."""
    content = {
        "objects": part.objects,
        "wait": part.wait,
        "health_checks": [dataclasses.asdict(check) for check in part.health_checks],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def not_ready(part: Kustomization, seen: ObjectsObserved) -> str:
    """The first object it waits for that is not ready now, and why; empty if there is none."""
    waited = frozenset(refs_of(part) if part.wait else part.health_checks)
    return next((f"{ref}: {why}" for ref, why in seen.unready.items() if ref in waited), "")


def refs_of(part: Kustomization) -> Iterator[ObjectRef]:
    """Its objects, named with a namespace and without: only the cluster knows which kinds have one."""
    for manifest in part.objects:
        named = ref_of(manifest)
        yield named
        yield dataclasses.replace(named, namespace=named.namespace or "default")
        yield dataclasses.replace(named, namespace=None)


def _suspended(kustomizations: Sequence[Kustomization]) -> tuple[str, ...]:
    """Suspended ones and everything below them: Flux never creates the children of a suspended parent."""
    resting: dict[str, None] = {}
    # A child may be listed before its parent: look until nothing is added.
    while True:
        before = len(resting)
        for kustomization in kustomizations:
            if kustomization.suspended or kustomization.parent in resting:
                resting[kustomization.id] = None
        if len(resting) == before:
            return tuple(resting)


def _parts(kustomization: Kustomization) -> tuple[tuple[Kustomization, ...], tuple[Kustomization, ...]]:
    """Its plain objects, and its custom resources whose kinds it does not define itself.

    A release and a custom resource that it defines are often in one Kustomization: Flux repeats the apply until it
    succeeds, an order needs two parts.
    """
    defined = {
        (str(mapping_in(item, "spec").get("group")), str(mapping_in(item, "spec", "names").get("kind")))
        for item in kustomization.objects
        if item.get("kind") == "CustomResourceDefinition"
    }
    late = [_is_custom(item) and _group_kind(item) not in defined for item in kustomization.objects]
    objects = tuple(zip(kustomization.objects, late, strict=True))
    plain = tuple(item for item, is_late in objects if not is_late)
    custom = tuple(item for item, is_late in objects if is_late)
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
