"""Ports that live in memory: they remember what they were asked, and can be told to fail."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import BootstrapError, StepFailedError
from bootstrap.model.bundle import BundleItem, ItemKind
from bootstrap.model.cause import Cause
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef, ref_of
from bootstrap.model.lease import Lease
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
    TargetState,
)
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release, UnknownValue
from bootstrap.model.replacement import Replacement
from bootstrap.model.status import Health
from bootstrap.ports import LoadedImages, NotSaved, Ports
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

KUBE = KubeContext(kubeconfig=Path("/kubeconfig"), uid="uid-1", simulated=True)
ENDPOINT = EmulatorEndpoint(url="http://127.0.0.1:4566", region="us-east-1", driver="ministack")


@dataclass(kw_only=True)
class World:
    """What the fakes share: everything that exists, every write, and what is to fail."""

    cluster: TargetState = TargetState.ABSENT
    emulator: TargetState = TargetState.ABSENT
    cluster_replacement: Replacement | None = None
    immutable: dict[str, Replacement] = field(default_factory=dict)
    """By name of an object, why it cannot change in place."""
    emulator_replacement: Replacement | None = None
    seed_changes: int = 3
    releases: dict[str, ReleaseObserved] = field(default_factory=dict)
    inventory: dict[str, InventoryEntry] = field(default_factory=dict)
    gone: set[ObjectRef] = field(default_factory=set)
    charts: set[str] = field(default_factory=set)
    """Ids of the releases whose chart is in the cache."""
    values_hash: str = ""
    """A hash of what only the cluster holds of any release's values."""
    foreign: dict[str, str] = field(default_factory=dict)
    """By release, an object that it would take over."""
    refused: set[str] = field(default_factory=set)
    """Ids of the releases that cannot be rendered."""
    writes: list[str] = field(default_factory=list)
    failures: dict[str, BootstrapError] = field(default_factory=dict)
    """By write, such as `install a/b`."""

    marks: list[str] = field(default_factory=list)
    """What carries the stack's mark."""
    marked: bool = False
    """Whether the stack has had anything that does."""

    repo: FluxRepo = field(default_factory=FluxRepo)
    missing: tuple[str, ...] = ()
    """Programs that are not here."""
    fetch: Callable[[Work], None] = lambda _work: None
    collect: Callable[[Work], None] = lambda _work: None

    unready: dict[str, str] = field(default_factory=dict)
    """Why an applied object is not ready, by its name."""
    unhealthy: dict[str, tuple[Health, str]] = field(default_factory=dict)
    """By name of the object."""

    silent_engine: BootstrapError | None = None
    """Why the cluster cannot be observed."""

    causes: dict[str, Cause] = field(default_factory=dict)
    """Why an object is not ready, by its name."""
    silent: dict[str, str] = field(default_factory=dict)
    """What is missing for a host, by its name."""

    data: dict[str, str] = field(default_factory=lambda: {"cluster": "c1", "emulator": "e1"})
    """What is in cluster and emulator."""
    kinds: dict[str, str] = field(default_factory=dict)
    """What a snapshot of a part must agree on."""
    needed_bytes: int = 0
    """The room that a copy of each part needs."""
    placeable: bool = True
    """Whether the data of a part can be laid out before it was ever created."""
    unsaved: str = ""
    """Why the emulator cannot be saved."""
    unrestored: tuple[str, ...] = ()
    """What the emulator did not accept when its data was restored."""

    def health_of(self, ref: ObjectRef) -> tuple[Health, str]:
        return self.unhealthy.get(ref.name, (Health.UP, ""))

    def write(self, what: str) -> None:
        if what in self.failures:
            raise self.failures[what]
        self.writes.append(what)

    def fail(self, what: str, text: str = "it broke") -> None:
        self.failures[what] = StepFailedError(text)

    def ports(self) -> Ports:
        return Ports(
            cluster=FakeCluster(self),
            emulator=FakeEmulator(self),
            emulator_of=lambda inside: FakeEmulator(self, inside),
            seeds=FakeSeeds(self),
            charts=FakeCharts(self),
            objects=FakeObjects(self),
            leftovers=FakeLeftovers(self) if self.marked else None,
            repository=FakeRepository(self),
            programs=FakePrograms(self),
            health=lambda objects, _namespace, _kube, _cancel: {ref: self.health_of(ref) for ref in objects},
            causes=lambda objects, _namespace, _kube, _cancel: [
                self.causes[ref.name] for ref in objects if ref.name in self.causes
            ],
            answers=FakeAnswers(self),
            others=FakeOthers(self),
            saved_cluster=FakeSavedPart(self, "cluster"),
            saved_emulator=NotSaved(self.unsaved) if self.unsaved else FakeSavedPart(self, "emulator"),
            digests=FakeDigests(self),
        )


@dataclass
class FakeAnswers:
    world: World

    def hosts(self, kube: KubeContext, cancel: CancelToken) -> Sequence[str]:
        return tuple(self.world.silent)

    def __call__(self, hosts: Sequence[str], port: int, kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        return {host: self.world.silent.get(host, "") for host in hosts}


@dataclass
class FakeRepository:
    world: World

    def read(self, cancel: CancelToken) -> FluxRepo:
        del cancel
        return self.world.repo


@dataclass
class FakePrograms:
    world: World

    @property
    def platform(self) -> str:
        return "linux/amd64"

    def missing(self) -> Sequence[str]:
        return self.world.missing

    def save(self, folder: Path, work: Work) -> Sequence[BundleItem]:
        work.cancel.check()
        (folder / "programs").write_text(" ".join(self.world.missing))
        return (BundleItem(kind=ItemKind.PROGRAM, name="helm", version="4.1.4"),)

    def load(self, folder: Path, work: Work) -> None:
        work.cancel.check()
        self.world.write("load programs")
        self.world.missing = tuple(name for name in self.world.missing if name not in (folder / "programs").read_text())

    def fetch(self, work: Work) -> None:
        self.world.fetch(work)

    def folders(self) -> Sequence[str]:
        return ()


@dataclass
class FakeOthers:
    world: World

    def collect(self, work: Work) -> None:
        self.world.collect(work)


@dataclass
class FakeCluster:
    world: World

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        del cancel
        if self.world.silent_engine is not None:
            raise self.world.silent_engine
        running = self.world.cluster is TargetState.RUNNING
        return ClusterObserved(
            state=self.world.cluster, kube=KUBE if running else None, replacement=self.world.cluster_replacement
        )

    def up(self, work: Work) -> KubeContext:
        work.cancel.check()
        work.notify("waiting for the API")
        self.world.write("cluster up")
        self.world.cluster = TargetState.RUNNING
        return KUBE

    def begin(self, work: Work) -> KubeContext:
        return self.up(work)

    def settle(self, work: Work) -> None:
        work.cancel.check()
        self.world.write("cluster settle")

    def start(self, work: Work) -> KubeContext:
        work.cancel.check()
        self.world.write("cluster start")
        self.world.cluster = TargetState.RUNNING
        return KUBE

    def replace(self, work: Work) -> KubeContext:
        work.cancel.check()
        work.notify("creating it again")
        self.world.write("cluster replace")
        self.world.cluster, self.world.cluster_replacement = TargetState.RUNNING, None
        self.world.releases.clear()
        self.world.inventory.clear()
        return KUBE

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        del freed
        work.cancel.check()

    def published(self, cancel: CancelToken) -> frozenset[int]:
        cancel.check()
        return frozenset()

    def clear(self, work: Work) -> None:
        self.delete(work)

    def delete(self, work: Work) -> None:
        del work
        self.world.write("cluster delete")
        self.world.cluster = TargetState.ABSENT
        self.world.releases.clear()
        self.world.inventory.clear()

    def configuration(self) -> None:
        """It is given none."""

    def check(self) -> None:
        """It is always whole."""


@dataclass
class FakeEmulator:
    world: World
    inside: EmulatorRelease | None = None

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        del cancel
        running = self.world.emulator is TargetState.RUNNING
        return EmulatorObserved(
            state=self.world.emulator,
            endpoint=ENDPOINT if running else None,
            replacement=self.world.emulator_replacement,
        )

    def gather(self, work: Work) -> None:
        work.cancel.check()

    def up(self, work: Work) -> EmulatorEndpoint:
        work.cancel.check()
        work.notify("waiting for its health route")
        self.world.write("emulator up" if self.inside is None else f"emulator up in {self.inside.release.id}")
        self.world.emulator = TargetState.RUNNING
        return ENDPOINT

    def start(self, work: Work) -> EmulatorEndpoint:
        work.cancel.check()
        self.world.write("emulator start")
        self.world.emulator = TargetState.RUNNING
        return ENDPOINT

    def replace(self, work: Work) -> EmulatorEndpoint:
        work.cancel.check()
        work.notify("creating it again")
        self.world.write("emulator replace")
        self.world.emulator, self.world.emulator_replacement = TargetState.RUNNING, None
        self.world.seed_changes = 3
        return ENDPOINT

    def delete(self, work: Work) -> None:
        del work
        self.world.write("emulator delete")
        self.world.emulator = TargetState.ABSENT

    def delete_keeping(self, work: Work) -> str:
        del work
        self.world.write("emulator delete, data kept")
        self.world.emulator = TargetState.STOPPED
        return "its data in memory"


@dataclass
class FakeSavedPart:
    """The data of a part is one line of text: in memory, in the folder of a snapshot, and staged beside."""

    world: World
    name: str
    staged: str | None = None

    @property
    def placeable(self) -> bool:
        return self.world.placeable

    def facts(self) -> Mapping[str, str]:
        return {self.name: self.world.kinds.get(self.name, "fake")}

    def not_kept(self, work: Work) -> Sequence[str]:
        work.cancel.check()
        return ()

    def needed_bytes(self, cancel: CancelToken) -> int:
        cancel.check()
        return self.world.needed_bytes

    def stop(self, work: Work) -> None:
        work.cancel.check()
        self.world.write(f"{self.name} stop")
        if self.name == "cluster":
            self.world.cluster = TargetState.STOPPED
        else:
            self.world.emulator = TargetState.STOPPED

    def save(self, folder: Path, work: Work) -> None:
        work.cancel.check()
        self.world.write(f"{self.name} save")
        (folder / "data").write_text(self.world.data[self.name])

    def stage(self, folder: Path, work: Work) -> None:
        work.cancel.check()
        self.world.write(f"{self.name} stage")
        self.staged = (folder / "data").read_text()

    def exchange(self, folder: Path, work: Work) -> None:
        del work
        self.world.write(f"{self.name} exchange")
        self.world.data[self.name] = (folder / "data").read_text()

    def wake(self, work: Work) -> None:
        work.cancel.check()

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        work.cancel.check()
        return self.world.unrestored if self.name == "emulator" else ()

    def clear(self, work: Work) -> None:
        del work
        self.staged = None


@dataclass
class FakeDigests:
    world: World

    def objects(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        cancel.check()
        assert kube == KUBE
        return {"ConfigMap default/data": self.world.data["cluster"]}

    def resources(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> Mapping[str, str]:
        cancel.check()
        assert endpoint == ENDPOINT
        return {"s3/data": self.world.data["emulator"]}


@dataclass
class FakeLeftovers:
    world: World

    def lease(self, lease: Lease | None, cancel: CancelToken) -> None:
        del cancel
        self.world.write(f"lease {None if lease is None else lease.expires.isoformat()}")

    def remove(self, work: Work, *, keep_data: bool) -> Sequence[str]:
        del work
        self.world.write("leftovers, data kept" if keep_data else "leftovers")
        marks = tuple(self.world.marks)
        self.world.marks.clear()
        return marks


@dataclass
class FakeSeeds:
    world: World

    def observe(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> SeedsObserved:
        del cancel
        assert endpoint == ENDPOINT
        return SeedsObserved(changes=self.world.seed_changes, detail=f"{self.world.seed_changes} to create")

    def apply(self, endpoint: EmulatorEndpoint, work: Work) -> SeedsObserved:
        observed = self.observe(endpoint, work.cancel)
        if observed.changes:
            self.world.write("seed")
            self.world.seed_changes = 0
        return observed

    def check(self) -> None:
        """The fixtures are right."""

    def declared_secrets(self) -> frozenset[str]:
        return frozenset()

    def named_variables(self) -> frozenset[str]:
        """See `Seeds.named_variables`."""
        return frozenset()

    def kept_only(self) -> tuple[str, ...]:
        return ()


@dataclass
class FakeCharts:
    world: World

    def prepare(
        self,
        releases: Sequence[Release],
        cancel: CancelToken,
        *,
        kube: KubeContext | None = None,
        definitions: Sequence[Manifest] = (),
    ) -> Mapping[str, PreparedRelease]:
        del cancel, kube, definitions
        if "prepare" in self.world.failures and self.world.charts:
            raise self.world.failures["prepare"]
        return {release.id: self._prepared(release) for release in releases}

    def _prepared(self, release: Release) -> PreparedRelease:
        if release.id not in self.world.charts:
            return PreparedRelease(release=release)
        if release.id in self.world.refused:
            failure = StepFailedError(f"{release.id} cannot be rendered", fix="correct spec.values")
            return PreparedRelease(release=release, chart_digest="sha256:1", fingerprint="x", failure=failure)
        print_ = f"{release.id}.{sorted(release.values.items())}"
        return PreparedRelease(release=release, chart_digest="sha256:1", fingerprint=print_, manifests=())

    def pull(self, release: Release, work: Work) -> str:
        del work
        self.world.write(f"pull {release.id}")
        self.world.charts.add(release.id)
        return "sha256:1"

    def save(self, releases: Sequence[Release], folder: Path) -> Sequence[BundleItem]:
        (folder / "charts").write_text(" ".join(release.id for release in releases))
        return tuple(BundleItem(kind=ItemKind.CHART, name=release.name, digest="sha256:1") for release in releases)

    def load(self, releases: Sequence[Release], folder: Path) -> None:
        self.world.write("load charts")
        here = (folder / "charts").read_text().split()
        self.world.charts |= {release.id for release in releases if release.id in here}

    def observe(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, ReleaseObserved]:
        del cancel
        assert kube == KUBE
        return dict(self.world.releases)

    def values_hashes(self, releases: Sequence[Release], kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        del cancel
        assert kube == KUBE
        return {release.id: self.world.values_hash for release in releases}

    def adoption_notes(
        self, prepared: Sequence[PreparedRelease], upgraded: Collection[str], kube: KubeContext, cancel: CancelToken
    ) -> Sequence[Note]:
        del kube, cancel
        word = {True: "upgrade", False: "install"}
        ids = [
            prepared_release.release.id
            for prepared_release in prepared
            if prepared_release.release.id in self.world.foreign
        ]
        return [Note(text=f"{word[name in upgraded]} of {name} adopts {self.world.foreign[name]}") for name in ids]

    def looked_up(self, prepared: PreparedRelease, kube: KubeContext, cancel: CancelToken) -> PreparedRelease:
        del kube, cancel
        return prepared

    def apply_crds(self, prepared: PreparedRelease, kube: KubeContext, work: Work) -> int:
        del work
        assert kube == KUBE
        self.world.write(f"crds {prepared.release.id}")
        return len(prepared.crds)

    def install(self, prepared: PreparedRelease, kube: KubeContext, work: Work, *, may_replace: bool = False) -> str:
        del work, may_replace
        assert kube == KUBE
        release = prepared.release
        self.world.write(f"install {release.id}")
        self.world.releases[f"{release.target_namespace}/{release.release_name}"] = ReleaseObserved(
            namespace=release.target_namespace,
            release_name=release.release_name,
            status="deployed",
            revision=1,
            fingerprint=prepared.fingerprint,
            values_hash=self.world.values_hash if release.values_from else "",
            owner=release.id,
        )
        return "revision 1"

    def uninstall(self, namespace: str, release_name: str, kube: KubeContext, work: Work) -> None:
        del work
        assert kube == KUBE
        self.world.write(f"uninstall {namespace}/{release_name}")
        self.world.releases.pop(f"{namespace}/{release_name}", None)

    def upgrade_lock(self, releases: Sequence[Release], work: Work) -> None:
        del work
        self.world.write(f"lock {len(releases)}")

    def unknown_values(self, prepared: PreparedRelease) -> Sequence[UnknownValue]:
        del prepared
        return ()

    def value_paths(self, prepared: PreparedRelease, key: str, value: object) -> Sequence[str]:
        del prepared
        return (f"web.{key}-{value}",)


@dataclass
class FakeObjects:
    world: World

    def inventory(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, InventoryEntry]:
        del cancel
        assert kube == KUBE
        return dict(self.world.inventory)

    def look(self, objects: Sequence[ObjectRef], kube: KubeContext, cancel: CancelToken) -> ObjectsObserved:
        del cancel
        assert kube == KUBE
        unready = {ref: why for ref in objects if (why := self.world.unready.get(ref.name))}
        return ObjectsObserved(missing=frozenset(objects) & self.world.gone, unready=unready)

    def replacement(
        self, manifests: Sequence[Manifest], namespace: str, manager: str, kube: KubeContext, cancel: CancelToken
    ) -> Replacement | None:
        del namespace, manager, cancel
        assert kube == KUBE
        if "dry run" in self.world.failures:
            raise self.world.failures["dry run"]
        names = (manifest["metadata"]["name"] for manifest in manifests)
        return next((self.world.immutable[name] for name in names if name in self.world.immutable), None)

    def apply(
        self,
        kustomization: Kustomization,
        fingerprint: str,
        kube: KubeContext,
        work: Work,
        *,
        may_replace: bool = False,
    ) -> str:
        del work, may_replace
        assert kube == KUBE
        self.world.write(f"apply {kustomization.id}")
        refs = tuple(ref_of(item) for item in kustomization.objects)
        self.world.inventory[kustomization.id] = InventoryEntry(fingerprint=fingerprint, objects=refs)
        self.world.gone -= set(refs)
        return f"{len(refs)} objects"

    def delete(self, owner: str, objects: Sequence[ObjectRef], kube: KubeContext, work: Work) -> None:
        del work
        assert kube == KUBE
        self.world.write(f"delete {owner} {len(objects)}")
        self.world.inventory.pop(owner, None)


@dataclass
class FakeImages:
    """Machines that take images after so many looks; an early load may be told to fail."""

    world: World
    looks: int = 0
    unknown: frozenset[str] = frozenset()
    there: set[str] = field(default_factory=set)
    """On every machine."""

    def fetch(self, images: Sequence[str], work: Work) -> Sequence[str]:
        work.cancel.check()
        work.notify(f"pulling {len(images)}")
        self.world.write(f"fetch {' '.join(images)}")
        return [image for image in images if image in self.unknown]

    def taken(self, cancel: CancelToken) -> bool:
        cancel.check()
        self.looks -= 1
        return self.looks < 0

    def lacking(self, images: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        cancel.check()
        return [image for image in images if image in self.unknown]

    def ensure(self, images: Sequence[str], work: Work) -> LoadedImages:
        work.cancel.check()
        self.world.write(f"load {' '.join(images)} on a cluster that is {self.world.cluster}")
        left = tuple(image for image in images if image in self.unknown)
        loaded = tuple(image for image in images if image not in {*left, *self.there})
        self.there |= {*loaded}
        return LoadedImages(loaded=loaded, left=left)


@dataclass
class FakeBundledImages:
    """The engine's images, and those of a bundle."""

    own: Sequence[str] = ("node:1",)
    here: set[str] = field(default_factory=set)

    def lacking(self, images: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        cancel.check()
        return [image for image in images if image not in self.here]

    def save(self, images: Sequence[str], folder: Path, work: Work) -> Sequence[BundleItem]:
        work.cancel.check()
        (folder / "images.tar").write_text(" ".join(images))
        return tuple(BundleItem(kind=ItemKind.IMAGE, name=image, digest="sha256:1") for image in images)

    def load(self, folder: Path, work: Work) -> None:
        work.cancel.check()
        self.here |= {*(folder / "images.tar").read_text().split()}
