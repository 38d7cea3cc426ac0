"""The content of a Flux repository: Helm releases and Kustomizations with their objects."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from bootstrap.errors import Place, Problem
from bootstrap.model.kube import Manifest, NamedObject, ObjectRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A warning: it stops nothing, unless `--strict` is given."""

    text: str
    place: Place | None = None
    loud: bool = False
    """Flux would wait forever because of it: `lint` reports an error, `plan` a warning, at the end."""
    expected: bool = False
    """Flux requires the field of this warning (`interval`, `prune`), so that `--strict` accepts it."""


_CHAIN_LENGTH = 7
"""Eight digits each and a point between them: as many as fit into a label's 63 characters."""


def chain_of(owner: str, ancestors: Sequence[str]) -> tuple[str, ...]:
    """A short hash of a Kustomization's id and of those that it is below, the nearest first."""
    ids = (owner, *ancestors)[:_CHAIN_LENGTH]
    return tuple(hashlib.sha256(name.encode()).hexdigest()[:8] for name in ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryChart:
    """A chart of an HTTP Helm repository."""

    url: str
    name: str
    version: str = "*"
    """A version or a semver range, as Helm reads it; a pre-release only when asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OciChart:
    """A chart in an OCI registry; digest goes before semver before tag before version range."""

    url: str
    """With the chart's own name: `oci://registry/path/name`."""
    version: str | None = None
    """A version or a range (HelmRepository of type oci)."""
    tag: str | None = None
    semver: str | None = None
    digest: str | None = None
    insecure: bool = False
    """Plain HTTP."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GitChart:
    """A chart in a folder of a Git repository that is not this one."""

    url: str
    path: str
    branch: str | None = None
    tag: str | None = None
    semver: str | None = None
    commit: str | None = None
    ref_name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalChart:
    """A chart in a folder of the repository on disk."""

    path: Path
    """Absolute."""
    version: str | None = None
    """None: the one in its Chart.yaml."""
    left_out: tuple[str, ...] = ()
    """Files below it that Flux leaves out of the repository's artifact, relative to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownChart:
    """A chart that cannot be determined from the repository."""

    reason: str


ChartRef: TypeAlias = RepositoryChart | OciChart | GitChart | LocalChart | UnknownChart


@dataclass(frozen=True, kw_only=True, slots=True)
class ValuesFrom:
    """Values that only the cluster can give (a ConfigMap or Secret the repository does not hold)."""

    kind: str
    name: str
    values_key: str = "values.yaml"
    target_path: str | None = None
    optional: bool = False
    literal: bool = False
    """With `target_path`: the value is taken as it is, not read as helm's `--set` reads it."""
    position: int = 0
    """Its place among all `valuesFrom`; later ones win, `values` wins over all but those with `target_path`."""
    content: str | None = None
    """What the repository holds under `values_key`; None: only the cluster does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One Helm release, as Flux's HelmRelease declares it, its values merged."""

    namespace: str
    """Of the HelmRelease object."""
    name: str
    """Of the HelmRelease object."""
    release_name: str
    """Its name in helm (Flux's rule: spec.releaseName, else [targetNamespace-]name, shortened over 53)."""
    target_namespace: str
    chart: ChartRef
    values: Mapping[str, Any] = field(default_factory=dict)
    """Chart `valuesFiles`, then `valuesFrom` in order, then inline values: the later wins."""
    values_from: tuple[ValuesFrom, ...] = ()
    """All of `valuesFrom`, where some of it only the cluster holds, else none: `bootstrap.flux.values.merged` makes the
    final values of it once the missing contents are read."""
    inline_values: Mapping[str, Any] = field(default_factory=dict)
    """spec.values only: it overrides `values_from`."""
    values_files: tuple[str, ...] = ()
    """Files that replace the chart's values.yaml, relative to the chart's folder; the later wins."""
    ignore_missing_values_files: bool = False
    create_namespace: bool = False
    crds: str = "Create"
    """install.crds: Skip, Create or CreateReplace."""
    upgrade_crds: str = "Skip"
    timeout: timedelta = timedelta(minutes=5)
    upgrade_timeout: timedelta | None = None
    """None: as `timeout`."""
    retries: int = 0
    """After a failed install; negative: without limit."""
    upgrade_retries: int = 0
    rollback: bool = False
    """upgrade.remediation.strategy is rollback (and there are retries)."""
    disable_wait: bool = False
    upgrade_disable_wait: bool = False
    disable_wait_for_jobs: bool = False
    disable_hooks: bool = False
    disable_openapi_validation: bool = False
    disable_schema_validation: bool = False
    disable_take_ownership: bool = False
    """install.disableTakeOwnership: existing objects that are not the release's own are an error, not adopted."""
    upgrade_disable_take_ownership: bool = False
    force: bool = False
    """upgrade.force: objects that cannot be changed are replaced."""
    cleanup_on_fail: bool = False
    max_history: int = 5
    post_renderers: tuple[Mapping[str, Any], ...] = ()
    """Kustomize settings (patches, images), each applied to what the one before gave."""
    common_metadata: Mapping[str, Any] = field(default_factory=dict)
    """labels and annotations for every object."""
    run_tests: bool = False
    ignore_test_failures: bool = False
    suspended: bool = False
    depends_on: tuple[str, ...] = ()
    """NAMESPACE/NAME of other HelmReleases."""
    owner: str = ""
    """NAMESPACE/NAME of the Kustomization that holds it."""
    ancestors: tuple[str, ...] = ()
    """The Kustomizations above its owner, up to the entry."""
    place: Place | None = None

    @property
    def id(self) -> str:
        """NAMESPACE/NAME of the HelmRelease."""
        return f"{self.namespace}/{self.name}"

    def limit(self, *, upgrade: bool) -> timedelta:
        """How long one attempt of helm may take."""
        return (self.upgrade_timeout if upgrade else None) or self.timeout


@dataclass(frozen=True, kw_only=True, slots=True)
class Kustomization:
    """One Flux Kustomization and the plain objects it applies (Flux's own kinds are not among them)."""

    namespace: str
    name: str
    objects: tuple[Manifest, ...] = ()
    built: tuple[Manifest, ...] = ()
    """All that Flux would apply, in its order: Flux's own kinds too, and what is left out here."""
    releases: tuple[str, ...] = ()
    """NAMESPACE/NAME of the HelmReleases in it."""
    depends_on: tuple[str, ...] = ()
    """NAMESPACE/NAME of other Kustomizations."""
    parent: str | None = None
    ancestors: tuple[str, ...] = ()
    """The Kustomizations above it, its parent first, up to the entry."""
    path: str = ""
    """Its folder, relative to the repository's root."""
    unread: str = ""
    """Why its files are not read, although it is not suspended; empty: they are."""
    wait: bool = False
    timeout: timedelta = timedelta(minutes=5)
    health_checks: tuple[ObjectRef, ...] = ()
    suspended: bool = False
    place: Place | None = None
    expected: Mapping[NamedObject, str] = field(default_factory=dict)
    """ConfigMaps, Secrets and claims that the plan makes, and what makes them."""

    @property
    def id(self) -> str:
        """NAMESPACE/NAME."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FluxRepo:
    """The content of a Flux repository, in listed order."""

    kustomizations: tuple[Kustomization, ...] = ()
    releases: tuple[Release, ...] = ()
    named_variables: frozenset[str] = frozenset()
    """Each NAME of a `${NAME…}` in its files, and each variable that it declares."""
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Problems that must be repaired before anything is installed; everything else is as if they did not exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownValue:
    """A key of the values that neither the chart's defaults nor its templates use."""

    path: str
    """`controller.replicas`."""
    near: str | None
    """The nearest key that the chart knows there."""
