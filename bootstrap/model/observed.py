"""The observed state, read once at the start of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bootstrap.errors import BootstrapError
from bootstrap.model.kube import KubeContext, Manifest, NamedObject, ObjectRef
from bootstrap.model.release import Note, Release
from bootstrap.model.replacement import Change, Replacement


class TargetState(StrEnum):
    """The state of a cluster or an emulator."""

    ABSENT = "absent"
    STOPPED = "stopped"
    BROKEN = "broken"
    """Incomplete or not answering; `up` repairs it, or finishes what a killed run began."""
    RUNNING = "running"
    UNVERIFIED = "unverified"
    """Carries our label, but its proof is lost, damaged or of another stack: only `--adopt` continues with it."""
    FOREIGN = "foreign"
    """Something of this name that is not ours; never touched."""
    UNKNOWN = "unknown"
    """It could not be observed: its engine does not answer, or refuses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterObserved:
    """The observed cluster."""

    state: TargetState
    detail: str = ""
    kube: KubeContext | None = None
    """Set when RUNNING: identity proven just now."""
    changes: tuple[Change, ...] = ()
    """Fields that are declared otherwise now and that `up` changes in place, losing nothing."""
    replacement: Replacement | None = None
    """Set if it can become as declared, or complete again, only by being recreated."""
    moves: bool = False
    """Whether another provider is declared: nothing of the declared platform goes into this one."""
    unfinished: bool = False
    """Whether it is only what an interrupted creation or removal has left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorEndpoint:
    """An emulator whose identity is proven."""

    url: str
    """From this machine, `http://127.0.0.1:4566`."""
    region: str
    driver: str
    incarnation: str = ""
    """Changes whenever its data was lost."""
    capabilities: frozenset[str] = frozenset()
    """What it can do beyond the API, such as `lambda-invoke`."""
    account: str = ""
    """The id its ARNs are made of; empty: it has to be asked."""
    access_key: str = ""
    """The access key that chooses an account of its own; empty: any, which is the usual account."""
    services: frozenset[str] | None = None
    """Those that are switched on; None: all."""
    services_setting: str = ""
    """The emulator's own setting that switches services on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorObserved:
    """The observed emulator."""

    state: TargetState
    detail: str = ""
    endpoint: EmulatorEndpoint | None = None
    """Set when RUNNING."""
    release: str | None = None
    """NAMESPACE/NAME of the HelmRelease that installs it; None: it is not a release."""
    changes: tuple[Change, ...] = ()
    """Fields that are declared otherwise now and that `up` changes while its data is kept."""
    replacement: Replacement | None = None
    """Set if the declared emulator cannot keep its data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorRelease:
    """The release of the stack that is its emulator, and the proven cluster that it is in."""

    release: Release
    kube: KubeContext


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedsObserved:
    """How the emulator's data differ from the fixtures."""

    changes: int
    """Resources that an apply would create, change or delete."""
    detail: str = ""
    """`12 to create, 1 drifted`."""
    secrets: tuple[str, ...] = ()
    """Names of the secrets that the fixtures declare."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseObserved:
    """A Helm release as observed in the cluster."""

    namespace: str
    release_name: str
    status: str
    """Helm's own word: deployed, failed, pending-install, pending-upgrade, …"""
    revision: int
    fingerprint: str | None
    """What `up` labelled it with; None: not installed by us."""
    values_hash: str = ""
    """A hash of the values that only the cluster held when it was installed; empty when there were none."""
    owner: str | None = None
    """NAMESPACE/NAME of the HelmRelease it was installed for."""
    within: tuple[str, ...] = ()
    """The Kustomizations that held it when it was installed, see `chain_of`; empty: not known."""
    unready: str = ""
    """A workload of it that is not ready right now, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InventoryEntry:
    """What was applied for one Kustomization."""

    fingerprint: str
    objects: tuple[ObjectRef, ...] = ()
    within: tuple[str, ...] = ()
    """The Kustomization and those above it, see `chain_of`; empty: not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectsObserved:
    """Applied objects that were changed since."""

    missing: frozenset[ObjectRef] = frozenset()
    """Deleted from the cluster."""
    unready: Mapping[ObjectRef, str] = field(default_factory=dict)
    """Existing, but not ready now, and why; empty if pods are simulated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """An object that an admission webhook is asked about: its dry run shows whether the webhook answers."""

    webhook: str
    manifest: Manifest
    namespace: str | None
    """Where it goes when it names none and its kind has one."""
    new_namespace: bool = False
    """Whether the release that this object is of makes that namespace, if it is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedRelease:
    """A release with its chart looked up and, if that is possible yet, rendered."""

    release: Release
    chart_digest: str | None = None
    """None: not pulled yet."""
    fingerprint: str | None = None
    """Hash of chart digest, values, post renderers and names; None while the chart is not pulled."""
    crds: tuple[Manifest, ...] = ()
    """CustomResourceDefinitions of crds/ and templates."""
    manifests: tuple[Manifest, ...] | None = None
    """Rendered objects with hooks, without those of crds/; None: not rendered."""
    probes: tuple[Probe, ...] = ()
    """By each of its webhooks the first object of another that it is asked about."""
    expected: Mapping[NamedObject, str] = field(default_factory=dict)
    """ConfigMaps, Secrets and claims that the plan makes, and what makes them."""
    notes: tuple[Note, ...] = ()
    failure: BootstrapError | None = None
    """Why it cannot be rendered, and so cannot be installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """The observed state of a stack."""

    cluster: ClusterObserved
    emulator: EmulatorObserved | None = None
    seeds: SeedsObserved | None = None
    """None: no fixtures, or no emulator to ask yet."""
    releases: Mapping[str, ReleaseObserved] = field(default_factory=dict)
    """By `NAMESPACE/RELEASE_NAME` as helm knows them."""
    values_hashes: Mapping[str, str] = field(default_factory=dict)
    """By id of a release some of whose values only the cluster holds: a hash of these as they are now."""
    inventory: Mapping[str, InventoryEntry] = field(default_factory=dict)
    """By NAMESPACE/NAME of the Kustomization."""
    built: frozenset[str] = frozenset()
    """References of the stack's own images that the engine has."""
    objects: ObjectsObserved = field(default_factory=ObjectsObserved)
    """Objects of the inventory that were changed since they were applied."""
    unseen: Mapping[str, BootstrapError] = field(default_factory=dict)
    """By `cluster`, `emulator` or `seeds`: why it could not be observed."""
    failed: Mapping[str, BootstrapError] = field(default_factory=dict)
    """By id of a step that failed when it was performed last: why."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By id of a step the time that it took when it was performed last."""
    immutable: Mapping[str, Replacement] = field(default_factory=dict)
    """By step: why objects that it applies cannot become as declared in place."""
