"""Performs each action through the ports."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

from bootstrap.errors import BootstrapError, CancelledError, StepFailedError
from bootstrap.model.event import Outcome, Status
from bootstrap.model.kube import KubeContext, Manifest, ref_of
from bootstrap.model.observed import EmulatorEndpoint, EmulatorRelease, Observed, PreparedRelease
from bootstrap.model.pod_times import PodTimes
from bootstrap.model.release import Release
from bootstrap.model.stack import BuiltImage
from bootstrap.model.step import (
    Action,
    ApplyCrds,
    ApplyObjects,
    ApplySeeds,
    AwaitNodes,
    BakeNodes,
    BuildImage,
    DeleteCluster,
    DeleteEmulator,
    DeleteObjects,
    EnsureCluster,
    EnsureEmulator,
    InstallRelease,
    Keep,
    LoadImages,
    PullChart,
    PullCharts,
    Refuse,
    RemoveLeftovers,
    RemoveState,
    Replace,
    RestoreSnapshot,
    SaveSnapshot,
    StartCluster,
    StartEmulator,
    UninstallRelease,
)
from bootstrap.plan import ids
from bootstrap.plan.pods import images_of
from bootstrap.plan.units import not_ready
from bootstrap.ports import Emulator, Images, LoadedImages, Ports
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

FetchCharts: TypeAlias = Callable[[Sequence[Release], Work], str]
"""Brings charts into the cache, and plans what needs them; the detail to print."""

Snapshots: TypeAlias = Callable[[SaveSnapshot | RestoreSnapshot, Work], str]
"""Saves or restores a snapshot; the detail to print."""

_POLL_SECONDS = 0.25
_PODS_SECONDS = 5.0

_SEED_TRIES = 3
"""Number of attempts to write data if the emulator loses them meanwhile."""


class Performer:
    """Performs actions against proven targets.

    The targets are those observed at the start of the run, or created in it. What could not be observed, because
    the cluster was not running yet, is observed before it is changed: `up` of a stopped stack changes nothing else.
    """

    def __init__(  # noqa: PLR0913 - all that the actions need
        self,
        ports: Ports,
        observed: Observed,
        remove_state: Callable[[bool], str],
        *,
        makes_cluster: bool = False,
        awaits_nodes: bool = False,
        fetch_charts: FetchCharts | None = None,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._ports = ports
        self._remove_state = remove_state
        self._fetch_charts = fetch_charts
        self._snapshots = snapshots
        self._kube = observed.cluster.kube
        self._endpoint = None if observed.emulator is None else observed.emulator.endpoint
        self._emulator = ports.emulator
        self._awaits_nodes = awaits_nodes
        """Whether a step of its own waits until a new cluster is whole."""
        self._late = self._kube is None
        self._lock = threading.Lock()
        self._cluster_over = threading.Event()
        """Set once the step of the cluster has ended, well or not."""
        if not makes_cluster:
            self._cluster_over.set()
        self._deployed: dict[str, tuple[str | None, str]] | None = None

    def __call__(  # noqa: C901, PLR0911, PLR0912, PLR0915 - one arm per action: a new one fails type checking here
        self, action: Action, work: Work
    ) -> Outcome:
        """Perform the action; UNCHANGED if nothing had to be done.

        Raises:
            BootstrapError: it could not be done.
        """
        match action:
            case Keep(what=what):
                return Outcome(status=Status.UNCHANGED, detail=what)
            case Refuse(error=error):
                raise error
            case Replace(action=EnsureCluster()):
                return self._ensure_cluster(self._ports.cluster.replace, work)
            case Replace(action=EnsureEmulator(release=release)):
                return self._ensure_emulator(release, _replace, work)
            case Replace(action=consented):
                return self(consented, work)
            case EnsureCluster():
                bring = self._ports.cluster.begin if self._awaits_nodes else self._ports.cluster.up
                return self._ensure_cluster(bring, work, "its API server answers" if self._awaits_nodes else "")
            case AwaitNodes():
                self._ports.cluster.settle(work)
                return _done("ready")
            case StartCluster():
                return self._ensure_cluster(self._ports.cluster.start, work)
            case EnsureEmulator(release=release):
                return self._ensure_emulator(release, _up, work)
            case StartEmulator(release=release):
                return self._ensure_emulator(release, _start, work)
            case ApplySeeds():
                return self._apply_seeds(work)
            case LoadImages(images=images):
                return self._load_images(images, work)
            case BuildImage(image=image):
                return self._build_image(image, work)
            case PullChart(release=release):
                return _done(self._ports.charts.pull(release, work))
            case PullCharts(releases=releases):
                assert self._fetch_charts is not None  # noqa: S101 - whoever plans this gives it
                return _done(self._fetch_charts(releases, work))
            case ApplyCrds(prepared=prepared):
                return self._apply_crds(prepared, work)
            case InstallRelease(prepared=prepared, may_replace=may_replace):
                return self._install(prepared, work, may_replace=may_replace)
            case ApplyObjects():
                return self._apply_objects(action, work)
            case UninstallRelease(namespace=namespace, release_name=name):
                self._ports.charts.uninstall(namespace, name, self.kube, work)
                return _done("removed")
            case DeleteObjects(owner=owner, objects=objects):
                self._ports.objects.delete(owner, objects, self.kube, work)
                return _done(f"{len(objects)} removed")
            case DeleteCluster():
                self._ports.cluster.delete(work)
                return _done("removed")
            case DeleteEmulator(keep_data=keep_data):
                return self._delete_emulator(work, keep_data=keep_data)
            case RemoveLeftovers(keep_data=keep_data):
                return self._remove_leftovers(work, keep_data=keep_data)
            case RemoveState(keep_data=keep_data):
                return _done(self._remove_state(keep_data))
            case SaveSnapshot() | RestoreSnapshot():
                assert self._snapshots is not None  # noqa: S101 - whoever plans this gives it
                return _done(self._snapshots(action, work))
            case BakeNodes(images=images):
                assert self._ports.baked is not None  # noqa: S101 - planned for such a stack alone
                name = self._ports.baked.bake(images, work)
                return _done(name) if name else Outcome(status=Status.UNCHANGED, detail="there is one already")
            case _:
                assert_never(action)

    @property
    def kube(self) -> KubeContext:
        """The proven cluster.

        Raises:
            BootstrapError: it is not running, and the step `cluster` was left out.
        """
        if self._kube is None:
            raise BootstrapError("the cluster is not running", fix="run it with the step cluster")
        return self._kube

    @property
    def endpoint(self) -> EmulatorEndpoint:
        """The proven emulator.

        Raises:
            BootstrapError: it is not running, and the step `emulator` was left out.
        """
        if self._endpoint is None:
            raise BootstrapError("the emulator is not running", fix="run it with the step emulator")
        return self._endpoint

    def _ensure_cluster(self, bring: Callable[[Work], KubeContext], work: Work, detail: str = "") -> Outcome:
        try:
            self._kube = bring(work)
        finally:
            self._cluster_over.set()
        return _done(detail or ("ready, pods are simulated" if self._kube.simulated else "ready"))

    def _ensure_emulator(
        self, release: Release | None, bring: Callable[[Emulator, Work], EmulatorEndpoint], work: Work
    ) -> Outcome:
        if release is not None and self._ports.emulator_of is not None:
            self._emulator = self._ports.emulator_of(EmulatorRelease(release=release, kube=self.kube))
        if self._emulator is None:
            raise BootstrapError("the stack has no emulator")
        self._endpoint = bring(self._emulator, work)
        return _done(f"{self._endpoint.driver} at {self._endpoint.url}")

    def _delete_emulator(self, work: Work, *, keep_data: bool) -> Outcome:
        if self._ports.emulator is None:
            raise BootstrapError("the stack has no emulator")
        if keep_data:
            kept = self._ports.emulator.delete_keeping(work)
            return _done(f"removed, kept: {kept}" if kept else "removed, it kept no data")
        self._ports.emulator.delete(work)
        return _done("removed")

    def _remove_leftovers(self, work: Work, *, keep_data: bool) -> Outcome:
        if self._ports.leftovers is None:
            raise BootstrapError("the stack has nothing that carries a label")
        removed = self._ports.leftovers.remove(work, keep_data=keep_data)
        return _done(f"removed {', '.join(removed)}") if removed else _unchanged()

    def _apply_seeds(self, work: Work, tries: int = _SEED_TRIES) -> Outcome:
        if self._ports.seeds is None:
            raise BootstrapError("the stack has no seeds")
        before = self.endpoint
        try:
            applied = self._ports.seeds.apply(before, work)
        except StepFailedError:
            if tries == 1 or not self._lost_data(before, work):
                raise
        else:
            if tries == 1 or not applied.changes or not self._lost_data(before, work):
                return _done(applied.detail) if applied.changes else _unchanged()
        work.notify("the emulator lost its data meanwhile: seeding it again")
        return self._apply_seeds(work, tries - 1)

    def _lost_data(self, before: EmulatorEndpoint, work: Work) -> bool:
        """Whether the emulator has lost its data, as when its pod was replaced; then it is brought up again."""
        if self._emulator is None:
            return False
        emulator_endpoint = self._emulator.observe(work.cancel).endpoint
        if emulator_endpoint is None or emulator_endpoint.incarnation != before.incarnation:
            self._endpoint = emulator_endpoint = self._emulator.up(work)
        return emulator_endpoint.incarnation != before.incarnation

    def _apply_crds(self, prepared: PreparedRelease, work: Work) -> Outcome:
        if self._is_deployed(prepared, work.cancel):
            return _unchanged()
        count = self._ports.charts.apply_crds(prepared, self.kube, work) if prepared.crds else 0
        return _done(f"{count} established")

    def _install(self, prepared: PreparedRelease, work: Work, *, may_replace: bool) -> Outcome:
        late = prepared.chart_digest is None
        if late:
            # Its chart was pulled in this run, after the plan was made: its CRDs had no step of their own.
            prepared = self._ports.charts.prepare([prepared.release], work.cancel, kube=self.kube)[prepared.release.id]
        if prepared.failure is not None:
            raise prepared.failure
        if late:
            self._apply_crds(prepared, work)
        if self._is_deployed(prepared, work.cancel):
            return _unchanged()
        self._preload(prepared.manifests or (), work)
        return self._with_pods(
            lambda: self._ports.charts.install(prepared, self.kube, work, may_replace=may_replace),
            prepared.manifests or (),
            prepared.release.target_namespace,
            work,
        )

    def _apply_objects(self, action: ApplyObjects, work: Work) -> Outcome:
        part = action.kustomization
        if self._late:
            entry = self._ports.objects.inventory(self.kube, work.cancel).get(part.id)
            if entry is not None and entry.fingerprint == action.fingerprint:
                seen = self._ports.objects.look(entry.objects, self.kube, work.cancel)
                if not seen.missing and not not_ready(part, seen):
                    return _unchanged()
        self._preload(part.objects, work)
        return self._with_pods(
            lambda: self._ports.objects.apply(
                part, action.fingerprint, self.kube, work, may_replace=action.may_replace
            ),
            part.objects,
            part.namespace,
            work,
        )

    def _with_pods(
        self, perform: Callable[[], str], manifests: Sequence[Manifest], namespace: str, work: Work
    ) -> Outcome:
        """The outcome of an action, also of one that failed, with the times of the pods that it made."""
        try:
            outcome = _done(perform())
        except CancelledError:
            raise
        except BootstrapError as error:
            outcome = Outcome(status=Status.FAILED, detail=error.what, error=error)
        return replace(outcome, pods=self._pods(manifests, namespace, work))

    def _pods(self, manifests: Sequence[Manifest], namespace: str, work: Work) -> tuple[PodTimes, ...]:
        """Read with a few seconds of its own: the action may have used all of its time."""
        if self._ports.pod_times is None:
            return ()
        cancel = CancelToken(work.cancel.clock).within(_PODS_SECONDS, "the times of pods")
        try:
            return tuple(self._ports.pod_times(map(ref_of, manifests), namespace, self.kube, cancel))
        except BootstrapError:
            return ()

    def _load_images(self, images: Sequence[str], work: Work) -> Outcome:
        """Pull images while the cluster is being created, and copy them to each node as soon as it is ready."""
        port = self._ports.images
        if port is None:
            raise BootstrapError("images cannot be loaded into the nodes of this provider")
        port.fetch(images, work)
        return self._load(port, images, work)

    def _build_image(self, image: BuiltImage, work: Work) -> Outcome:
        builds = self._ports.builds
        if builds is None:
            raise BootstrapError("the stack builds no images")
        builds.build(image, work)
        if builds.images is None:
            return _done(f"built {image.reference}")
        outcome = self._load(builds.images, (image.reference,), work)
        return outcome if outcome.status is Status.SKIPPED else _done(f"built {image.reference}")

    def _load(self, port: Images, images: Sequence[str], work: Work) -> Outcome:
        early = self._load_early(port, images, work)
        while not self._cluster_over.is_set():
            work.cancel.sleep(_POLL_SECONDS)
        if self._kube is None:
            return Outcome(status=Status.SKIPPED, detail=ids.CLUSTER)
        late = port.ensure(images, work)
        if late.left:
            return _done(f"the cluster pulls: {', '.join(late.left)}")
        return _done("on every node") if early.loaded or late.loaded else _unchanged()

    def _load_early(self, port: Images, images: Sequence[str], work: Work) -> LoadedImages:
        try:
            while not port.taken(work.cancel):
                if self._cluster_over.is_set():
                    return LoadedImages()
                work.cancel.sleep(_POLL_SECONDS)
            return port.ensure(images, work)
        except CancelledError:
            raise
        except BootstrapError as error:
            # The nodes are not finished: kind or k3d may still remove or restart one.
            work.cancel.check()
            work.notify(f"again once the cluster is ready: {error.what}")
            return LoadedImages()

    def _preload(self, manifests: Sequence[Manifest], work: Work) -> None:
        images, builds = images_of(manifests), self._ports.builds
        # The stack's own images are in no registry: they are loaded even if other images are not.
        own = [image for image in images if builds is not None and image in builds.references]
        others = [image for image in images if image not in own]
        for port, names in ((None if builds is None else builds.images, own), (self._ports.images, others)):
            for image in port.ensure(names, work).left if port is not None and names else ():
                work.notify(f"{image} is pulled by the cluster itself")

    def _is_deployed(self, prepared: PreparedRelease, cancel: CancelToken) -> bool:
        if not self._late or prepared.fingerprint is None:
            return False
        with self._lock:
            if self._deployed is None:
                observed = self._ports.charts.observe(self.kube, cancel).items()
                ready = (
                    (key, release_observed)
                    for key, release_observed in observed
                    if release_observed.status == "deployed" and not release_observed.unready
                )
                self._deployed = {
                    key: (release_observed.fingerprint, release_observed.values_hash) for key, release_observed in ready
                }
        release = prepared.release
        hashes = self._ports.charts.values_hashes([release], self.kube, cancel) if release.values_from else {}
        deployed = self._deployed.get(f"{release.target_namespace}/{release.release_name}")
        return deployed == (prepared.fingerprint, hashes.get(release.id, ""))


def _up(emulator: Emulator, work: Work) -> EmulatorEndpoint:
    return emulator.up(work)


def _start(emulator: Emulator, work: Work) -> EmulatorEndpoint:
    return emulator.start(work)


def _replace(emulator: Emulator, work: Work) -> EmulatorEndpoint:
    return emulator.replace(work)


def _done(detail: str) -> Outcome:
    return Outcome(status=Status.DONE, detail=detail)


def _unchanged() -> Outcome:
    return Outcome(status=Status.UNCHANGED, detail="unchanged")
