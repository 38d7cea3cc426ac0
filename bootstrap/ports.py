"""The interfaces through which the engine uses the packages above it.

Every method may be called again after a kill at any moment and converges. Methods that take long are given a
cancellation token, whose deadline they obey, and `say`, with which they report what they are waiting for.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bootstrap.model.bundle import BundleItem
from bootstrap.model.cause import Cause
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef
from bootstrap.model.lease import LabelledStack, Lease
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorEndpoint,
    EmulatorObserved,
    EmulatorRelease,
    InventoryEntry,
    ObjectsObserved,
    PreparedRelease,
    ReleaseObserved,
    SeedsObserved,
)
from bootstrap.model.pod_times import PodTimes
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release, UnknownValue
from bootstrap.model.replacement import Replacement
from bootstrap.model.stack import BuiltImage
from bootstrap.model.status import Health
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work


class Programs(Protocol):
    """Finds the programs we drive."""

    def path(self, name: str) -> Path:
        """Where an accepted version of `helm`, `kubectl`, `kwok`, … is; fetched or built when it is missing.

        Raises:
            RefusedError: it can neither be found nor fetched nor built; names what was tried.
        """
        ...

    def version(self, name: str) -> str:
        """The version of what `path` gives, without a leading v."""
        ...

    def present(self, name: str) -> str | None:
        """The version of what is on this machine already; None if `path` would fetch or build it."""
        ...


class RequiredPrograms(Protocol):
    """The programs that reading, planning and running one stack need."""

    @property
    def platform(self) -> str:
        """The machine that they are for: `linux/amd64`."""
        ...

    def missing(self) -> Sequence[str]:
        """The names of those that are not on this machine."""
        ...

    def fetch(self, work: Work) -> None:
        """Fetch or build those that are missing.

        Raises:
            RefusedError: one of them can neither be fetched nor built.
        """
        ...

    def save(self, folder: Path, work: Work) -> Sequence[BundleItem]:
        """Put all of them into the folder of a bundle, fetched or built if the cache lacks them.

        Raises:
            RefusedError: one of them can neither be fetched nor built.
        """
        ...

    def load(self, folder: Path, work: Work) -> None:
        """Bring those of an unpacked bundle that the cache lacks into it, without the network.

        Raises:
            RefusedError: they do not fit this machine.
        """
        ...

    def folders(self) -> Sequence[str]:
        """The folders of kubectl and helm, without those that are on PATH already."""
        ...


class Repository(Protocol):
    """The stack's Flux repository on disk."""

    def read(self, cancel: CancelToken) -> FluxRepo:
        """What Flux would make of it; empty for a stack without one. Problems in it are in the result."""
        ...


class ClusterProvider(Protocol):
    """Makes one stack's cluster."""

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """Look, change nothing. RUNNING only when its identity was proven just now."""
        ...

    def up(self, work: Work) -> KubeContext:
        """Create, start, repair, or change it in place; done when the API answers, nodes are Ready, identity is proven.

        What lives is never deleted.

        Raises:
            RefusedError: something foreign is in the way (a cluster of this name, a port in use), or it would have
                to be replaced.
        """
        ...

    def begin(self, work: Work) -> KubeContext:
        """As `up`, but return from a creation as soon as the API answers; `settle` has to follow in the same run."""
        ...

    def settle(self, work: Work) -> None:
        """Return when what `begin` began is done: nodes are Ready, and names are resolved; passes if it is done.

        Raises:
            BootstrapError: the creation failed, or the work was cancelled: then it has ended.
        """
        ...

    def start(self, work: Work) -> KubeContext:
        """Start it as it is, whatever is declared, and wait; creates, changes and deletes nothing.

        Raises:
            RefusedError: there is nothing to start, or a part of it is gone; names the ways on.
        """
        ...

    def replace(self, work: Work) -> KubeContext:
        """Delete the old one and create it as declared, once all that the new one needs is at hand.

        Raises:
            RefusedError: what the new one needs is not at hand; nothing was deleted.
            StepFailedError: the new one could not be created; names what is gone and what is not.
        """
        ...

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        """Bring here all that `up` needs to create it; changes nothing that lives.

        `freed`: ports of this machine that will be free by then.

        Raises:
            RefusedError, InvalidError: something cannot be had, or the configuration cannot be used.
        """
        ...

    def published(self, cancel: CancelToken) -> frozenset[int]:
        """The ports of this machine that it has, running or not."""
        ...

    def clear(self, work: Work) -> None:
        """Delete the cluster alone; what a later one of the stack uses stays: its network, emulator and images.

        Raises:
            RefusedError: it is not the stack's, or of others.
        """
        ...

    def delete(self, work: Work) -> None:
        """Delete what `up` created, and nothing else; passes if it is incomplete or gone."""
        ...

    def configuration(self) -> Mapping[str, Any] | None:
        """The configuration that kind or k3d is given; None for other providers.

        Raises:
            InvalidError: the user's own configuration cannot be used.
        """
        ...

    def check(self) -> None:
        """Pass when the running cluster is whole, as far as a look that costs nothing can show.

        Raises:
            StepFailedError: it has lost a part of itself.
        """
        ...


class Emulator(Protocol):
    """Makes one stack's AWS emulator."""

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """Look, change nothing. RUNNING only when it proved to be the emulator just now."""
        ...

    def gather(self, work: Work) -> None:
        """Bring here all that `up` needs to create it; changes nothing that lives.

        Raises:
            RefusedError: something cannot be had.
        """
        ...

    def up(self, work: Work) -> EmulatorEndpoint:
        """Create, start, or change it while its data is kept; done when its health route answers as its driver does.

        Raises:
            RefusedError: something foreign is in the way, or its data would be lost.
        """
        ...

    def start(self, work: Work) -> EmulatorEndpoint:
        """Start it as it is, whatever is declared, and wait; creates and deletes nothing.

        Raises:
            RefusedError: there is nothing to start; names the ways on.
        """
        ...

    def replace(self, work: Work) -> EmulatorEndpoint:
        """Delete what is there with its data and create it as declared, once all that the new one needs is at hand.

        Raises:
            RefusedError: what the new one needs is not at hand; nothing was deleted.
            StepFailedError: the new one could not be created; names what is gone and what is not.
        """
        ...

    def delete(self, work: Work) -> None:
        """Delete it with its data; passes if it is gone."""
        ...

    def delete_keeping(self, work: Work) -> str:
        """Delete it but keep its data for a later `up`; returns what is kept, as text: empty for nothing."""
        ...


class SavedPart(Protocol):
    """The data of a stack's cluster or emulator as files: saved into a folder, and exchanged for those of one.

    The part is stopped for `save` and `exchange`, and started afterwards by its own port. `stage` comes before it is
    stopped: what can fail for want of room fails while everything runs.
    """

    @property
    def placeable(self) -> bool:
        """Whether its data can be exchanged before the part's own port has ever created it."""
        ...

    def facts(self) -> Mapping[str, str]:
        """What a snapshot and the stack must agree on, by name; asks nobody."""
        ...

    def not_kept(self, work: Work) -> Sequence[str]:
        """What a restore will not bring back of what there was when it was saved, just now."""
        ...

    def needed_bytes(self, cancel: CancelToken) -> int:
        """The room that a copy of the data as it is now needs."""
        ...

    def stop(self, work: Work) -> None:
        """End it so that its data is whole; passes if it has ended."""
        ...

    def save(self, folder: Path, work: Work) -> None:
        """Copy its data into the folder.

        Raises:
            OSError: the disk is full.
        """
        ...

    def stage(self, folder: Path, work: Work) -> None:
        """Copy the data of the folder to where it can be exchanged at once; what an earlier call left is removed.

        Raises:
            OSError: the disk is full.
        """
        ...

    def exchange(self, folder: Path, work: Work) -> None:
        """Let what was staged from the folder become its data; may be cut off at any moment and called again."""
        ...

    def wake(self, work: Work) -> None:
        """Let begin again what `stop` ended and the part's own port does not start, and wait for it."""
        ...

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """Bring back, now that it runs again, what no file holds; what could not be restored, as text."""
        ...

    def clear(self, work: Work) -> None:
        """Remove what `stage` and `exchange` left beside the data."""
        ...


@dataclass(frozen=True, slots=True)
class NotSaved:
    """Stands for a part whose data can be neither saved nor restored."""

    why: str


class Digests(Protocol):
    """What there is in a platform, by name, each with a digest: to see what changed."""

    def objects(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        """Every object that somebody made, by `Kind NAMESPACE/NAME`; not its status, and no events or leases."""
        ...

    def resources(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> Mapping[str, str]:
        """Every AWS resource of the services that fixtures can declare, by `SERVICE/NAME`, with what is in it."""
        ...


class Seeds(Protocol):
    """The stack's fixtures against one emulator."""

    def observe(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> SeedsObserved:
        """Compare, write nothing."""
        ...

    def apply(self, endpoint: EmulatorEndpoint, work: Work) -> SeedsObserved:
        """Make it so; what was changed. No write call if nothing differs."""
        ...

    def check(self) -> None:
        """Read the fixtures.

        Raises:
            InvalidError: every problem in them.
        """
        ...

    def declared_secrets(self) -> frozenset[str]:
        """The names of the secrets that the fixtures declare."""
        ...

    def named_variables(self) -> frozenset[str]:
        """The variables that the fixtures name."""
        ...

    def kept_only(self) -> tuple[str, ...]:
        """What the fixtures declare that the stack's emulator will keep but not do, and why."""
        ...


class Charts(Protocol):
    """Helm charts and releases."""

    def prepare(
        self,
        releases: Sequence[Release],
        cancel: CancelToken,
        *,
        kube: KubeContext | None = None,
        definitions: Sequence[Manifest] = (),
    ) -> Mapping[str, PreparedRelease]:
        """The releases by id, rendered if the chart is in the cache or on disk. Pulls nothing.

        Templates see the APIs that the cluster `kube` serves, or without one those of its Kubernetes version; in both
        cases also `definitions`, the CRDs of the repository itself. A problem with one release is its `failure` and
        does not affect the others.
        """
        ...

    def pull(self, release: Release, work: Work) -> str:
        """Bring the chart into the cache; its digest."""
        ...

    def observe(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, ReleaseObserved]:
        """Every release of the cluster, by NAMESPACE/RELEASE_NAME."""
        ...

    def values_hashes(self, releases: Sequence[Release], kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        """By id, for those some of whose values only the cluster holds: a hash of these as they are now."""
        ...

    def adoption_notes(
        self, prepared: Sequence[PreparedRelease], upgraded: Collection[str], kube: KubeContext, cancel: CancelToken
    ) -> Sequence[Note]:
        """A warning for each of these releases that would adopt existing objects that it does not own.

        `upgraded` are the ids of those that are installed already.
        """
        ...

    def looked_up(self, prepared: PreparedRelease, kube: KubeContext, cancel: CancelToken) -> PreparedRelease:
        """The release as helm would install it now if its chart looks up objects of the cluster; else as it is."""
        ...

    def apply_crds(self, prepared: PreparedRelease, kube: KubeContext, work: Work) -> int:
        """Apply the chart's CRDs and wait until they are Established; how many."""
        ...

    def install(self, prepared: PreparedRelease, kube: KubeContext, work: Work, *, may_replace: bool = False) -> str:
        """Install or upgrade and wait until ready, after repairing a pending release; returns a line for the report.

        With `may_replace`, an object that cannot be changed in place is deleted and created again.

        Raises:
            ReplacementNeededError: there is such an object, and `may_replace` is not given.
        """
        ...

    def uninstall(self, namespace: str, release_name: str, kube: KubeContext, work: Work) -> None:
        """Uninstall a release; passes if it is gone."""
        ...

    def save(self, releases: Sequence[Release], folder: Path) -> Sequence[BundleItem]:
        """Put the charts of these releases, which are in the cache, into the folder of a bundle."""
        ...

    def load(self, releases: Sequence[Release], folder: Path) -> None:
        """Bring the charts that an unpacked bundle has for these releases into the cache."""
        ...

    def upgrade_lock(self, releases: Sequence[Release], work: Work) -> None:
        """Ask every source what the chart references mean now, and write the lock file."""
        ...

    def unknown_values(self, prepared: PreparedRelease) -> Sequence[UnknownValue]:
        """The values of a release that its chart does not read; none while the chart is not in the cache."""
        ...

    def value_paths(self, prepared: PreparedRelease, key: str, value: object) -> Sequence[str]:
        """Paths of the values of a release, its chart's own among them, that hold `value` under `key`."""
        ...


class Objects(Protocol):
    """Plain objects of Kustomizations, and the inventory of what was applied."""

    def inventory(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, InventoryEntry]:
        """What `up` applied, by NAMESPACE/NAME of the Kustomization."""
        ...

    def look(self, objects: Sequence[ObjectRef], kube: KubeContext, cancel: CancelToken) -> ObjectsObserved:
        """Those of them that are not there, or not ready right now."""
        ...

    def replacement(
        self, manifests: Sequence[Manifest], namespace: str, manager: str, kube: KubeContext, cancel: CancelToken
    ) -> Replacement | None:
        """Why these objects cannot become as declared in place, as the API server sees it; None: they can.

        Those without a namespace belong in `namespace`; `manager` is the one that would apply them.
        """
        ...

    def apply(
        self,
        kustomization: Kustomization,
        fingerprint: str,
        kube: KubeContext,
        work: Work,
        *,
        may_replace: bool = False,
    ) -> str:
        """Apply server-side, wait if it asks for that, record it in the inventory; returns a line for the report.

        With `may_replace`, an object that cannot be changed in place is deleted and created again.

        Raises:
            ReplacementNeededError: there is such an object, and `may_replace` is not given.
        """
        ...

    def delete(
        self,
        owner: str,
        objects: Sequence[ObjectRef],
        kube: KubeContext,
        work: Work,
    ) -> None:
        """Delete them and wait until they are gone; `owner` leaves the inventory when nothing of it stays."""
        ...


class ObjectHealth(Protocol):
    """How objects in a cluster are right now."""

    def __call__(
        self, objects: Sequence[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Mapping[ObjectRef, tuple[Health, str]]:
        """Health and reason of each object; one without a namespace is looked for in `namespace`."""
        ...


class Leftovers(Protocol):
    """All that a stack has on this machine besides cluster, emulator and state, recognized by its label alone."""

    def lease(self, lease: Lease | None, cancel: CancelToken) -> None:
        """Record the stack's expiry beside its label; None: it does not expire."""
        ...

    def remove(self, work: Work, *, keep_data: bool) -> Sequence[str]:
        """Remove everything that carries the label, data only if it is not kept; returns what was removed."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedImages:
    """What became of images that every node needs; those that were there already are in neither list."""

    loaded: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Could not be brought."""


class Images(Protocol):
    """Container images on the nodes of a cluster; several threads may ask for the same image at once."""

    def fetch(self, images: Sequence[str], work: Work) -> Sequence[str]:
        """Pull the images that this machine's engine lacks; returns those that could not be pulled."""
        ...

    def taken(self, cancel: CancelToken) -> bool:
        """Whether every node accepts images already: some do while their cluster is still being created."""
        ...

    def lacking(self, images: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        """Those that neither this machine's engine nor every node of a running cluster has."""
        ...

    def ensure(self, images: Sequence[str], work: Work) -> LoadedImages:
        """Load the images that are missing on the nodes, through this machine's engine."""
        ...


class BundledImages(Protocol):
    """The images of a stack on this machine's engine, and in a bundle."""

    @property
    def own(self) -> Sequence[str]:
        """Those of the nodes, of the programs that make them, and of the emulator's container."""
        ...

    def lacking(self, images: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        """Those that the engine does not have."""
        ...

    def save(self, images: Sequence[str], folder: Path, work: Work) -> Sequence[BundleItem]:
        """Put them into the folder of a bundle, pulled first if the engine lacks them.

        Raises:
            RefusedError: some cannot be pulled; names all of them.
        """
        ...

    def load(self, folder: Path, work: Work) -> None:
        """Load those of an unpacked bundle into the engine; nothing if it has none."""
        ...


class BakedNodes(Protocol):
    """Node images with the stack's images in them."""

    def expect(self, images: Sequence[str]) -> None:
        """Let a cluster that is created after this begin with nodes that have these, if there are such."""
        ...

    def bake(self, images: Sequence[str], work: Work) -> str:
        """Make one that has those of the images that the engine has; its name, or nothing if there is one.

        The two newest of the stack are kept.

        Raises:
            StepFailedError: it cannot be made.
        """
        ...


class Builds(Protocol):
    """The images of the stack's own, on this machine's engine."""

    @property
    def images(self) -> Images | None:
        """What brings them to the nodes; None: their pods are simulated."""
        ...

    @property
    def declared(self) -> Sequence[BuiltImage]:
        """Each with the reference of what its files make now.

        Raises:
            InvalidError: a file cannot be read.
        """
        ...

    @property
    def references(self) -> frozenset[str]:
        """What their files make now."""
        ...

    def built(self, cancel: CancelToken) -> frozenset[str]:
        """Those of the references that the engine has."""
        ...

    def build(self, image: BuiltImage, work: Work) -> None:
        """Build it; afterwards the engine has its reference.

        Raises:
            StepFailedError: an instruction fails; with its line and the last output.
            RefusedError: there is no program that builds.
        """
        ...


class LabelledStacks(Protocol):
    """The stacks that have something with a label of ours on a Docker engine, whoever made them."""

    def observe(self) -> Mapping[str, LabelledStack]:
        """Each by its owner.

        Raises:
            RefusedError: an engine is named, and does not answer.
        """
        ...

    def surplus_images(self) -> Sequence[str]:
        """The baked node images that no container uses, beyond the two newest of each stack.

        Raises:
            RefusedError: an engine is named, and does not answer.
        """
        ...

    def remove_image(self, name: str) -> None:
        """Remove one of them; passes if it is gone."""
        ...

    def remove(self, owned: LabelledStack, work: Work) -> None:
        """Remove what carries the label, unless its lease was extended meanwhile, or it is gone."""
        ...


class OtherStacks(Protocol):
    """The other stacks of this user."""

    def collect(self, work: Work) -> object:
        """Remove those that have expired, reporting each; one that cannot be removed is reported too."""
        ...


class ObjectCauses(Protocol):
    """Why objects are not ready."""

    def __call__(
        self, objects: Sequence[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Sequence[Cause]:
        """The most specific cause first; an object without a namespace is looked for in `namespace`."""
        ...


class ObjectPodTimes(Protocol):
    """When the pods of objects were scheduled, pulled, started and ready."""

    def __call__(
        self, objects: Iterable[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Sequence[PodTimes]:
        """The pods that they have made; an object without a namespace is looked for in `namespace`."""
        ...


class HostAnswers(Protocol):
    """The host names that a cluster answers to on a port of this machine."""

    def hosts(self, kube: KubeContext, cancel: CancelToken) -> Sequence[str]:
        """Those of every Ingress in the cluster."""
        ...

    def __call__(self, hosts: Sequence[str], port: int, kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        """What is missing for each host, in one sentence; empty for one that is answered."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """What the replacement of something that lives would lose, by count: `3 namespaces that nobody declares`."""

    in_cluster: Callable[[KubeContext, Sequence[str], CancelToken], Sequence[str]]
    """Given NAMESPACE/NAME of the releases that the stack installed."""
    in_emulator: Callable[[EmulatorEndpoint, CancelToken], Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """All of them, for one stack."""

    cluster: ClusterProvider
    emulator: Emulator | None
    seeds: Seeds | None
    charts: Charts
    objects: Objects
    repository: Repository
    programs: RequiredPrograms
    health: ObjectHealth
    causes: ObjectCauses
    answers: HostAnswers
    emulator_of: Callable[[EmulatorRelease], Emulator] | None = None
    """The emulator that a release installs, once that is installed; before, it can only be observed."""
    images: Images | None = None
    """None: the cluster pulls what it needs itself."""
    builds: Builds | None = None
    """None: the stack builds no images."""
    baked: BakedNodes | None = None
    """None: node images stay as they are."""
    bundled_images: BundledImages | None = None
    """None: nothing of the stack is in a container."""
    leftovers: Leftovers | None = None
    orphaned: bool = False
    """Whether processes of the stack run although its state folder is gone; `leftovers` removes them."""
    """None: the stack has never had anything that carries a label."""
    others: OtherStacks | None = None
    """None: no other stack is looked at."""
    losses: Losses | None = None
    """None: nobody counts."""
    saved_cluster: SavedPart | NotSaved = NotSaved("its cluster cannot be saved")
    saved_emulator: SavedPart | NotSaved | None = None
    """None: the stack has no emulator."""
    digests: Digests | None = None
    """None: nobody asks what changed."""
    pod_times: ObjectPodTimes | None = None
    """None: the times of pods are not recorded."""
