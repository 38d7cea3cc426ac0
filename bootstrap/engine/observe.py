"""Reads the observed state, once, in parallel."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bootstrap.engine.losses import with_losses
from bootstrap.errors import BootstrapError, InvalidError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorObserved,
    InventoryEntry,
    ObjectsObserved,
    Observed,
    ReleaseObserved,
    SeedsObserved,
    TargetState,
)
from bootstrap.plan import ids
from bootstrap.ports import Ports
from bootstrap.system.clock import CancelToken

T = TypeVar("T")


def observe(ports: Ports, cancel: CancelToken, *, tolerant: bool = False) -> Observed:
    """Read the state of cluster and emulator and, if they are running, of what is in them. Changes nothing.

    `tolerant`: what cannot be observed is UNKNOWN, with the reason in `unseen`; the rest is observed.

    Raises:
        RefusedError: something that is not ours answers at our address, or an engine does not answer.
    """
    unseen = _Unseen(cancel, tolerant=tolerant)
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="observe") as pool:
        emulator = pool.submit(_emulator, ports, cancel, unseen)
        builds = None if ports.builds is None else pool.submit(ports.builds.built, cancel)
        cluster = pool.submit(unseen.guarded, ids.CLUSTER, lambda: _cluster(ports, cancel, pool), _UNKNOWN_CLUSTER)
        cluster_observed, releases, inventory, objects = cluster.result()
        seen, seeds = emulator.result()
        built = frozenset[str]()
        if builds is not None:
            built = unseen.guarded(ids.IMAGES, builds.result, built)
    observed = Observed(
        cluster=cluster_observed,
        emulator=seen,
        seeds=seeds,
        releases=releases,
        inventory=inventory,
        built=built,
        objects=objects,
        unseen=unseen.errors,
    )
    return with_losses(observed, ports.losses, cancel)


class _Unseen:
    """Collects why something could not be observed."""

    def __init__(self, cancel: CancelToken, *, tolerant: bool) -> None:
        self.errors: dict[str, BootstrapError] = {}
        self._cancel = cancel
        self._tolerant = tolerant

    def guarded(self, part: str, read: Callable[[], T], otherwise: T) -> T:
        """What is read; `otherwise` if that fails and is tolerated."""
        try:
            return read()
        except InvalidError:
            raise
        except BootstrapError as error:
            self._cancel.check()
            if not self._tolerant:
                raise
            self.errors[part] = error
            return otherwise


def _emulator(
    ports: Ports, cancel: CancelToken, unseen: _Unseen
) -> tuple[EmulatorObserved | None, SeedsObserved | None]:
    emulator, seeds = ports.emulator, ports.seeds
    if emulator is None:
        return None, None
    emulator_observed = unseen.guarded(ids.EMULATOR, lambda: emulator.observe(cancel), _UNKNOWN_EMULATOR)
    endpoint = emulator_observed.endpoint
    if endpoint is None or seeds is None:
        return emulator_observed, None
    return emulator_observed, unseen.guarded(ids.SEEDS, lambda: seeds.observe(endpoint, cancel), None)


_InCluster = tuple[ClusterObserved, Mapping[str, ReleaseObserved], Mapping[str, InventoryEntry], ObjectsObserved]
_UNKNOWN_CLUSTER: _InCluster = (ClusterObserved(state=TargetState.UNKNOWN), {}, {}, ObjectsObserved())
_UNKNOWN_EMULATOR = EmulatorObserved(state=TargetState.UNKNOWN)


def _cluster(ports: Ports, cancel: CancelToken, pool: ThreadPoolExecutor) -> _InCluster:
    cluster_observed = ports.cluster.observe(cancel)
    if cluster_observed.kube is None:
        return cluster_observed, {}, {}, ObjectsObserved()
    releases = pool.submit(ports.charts.observe, cluster_observed.kube, cancel)
    inventory, objects = _inventory(ports, cluster_observed.kube, cancel)
    return cluster_observed, releases.result(), inventory, objects


def _inventory(
    ports: Ports, kube: KubeContext, cancel: CancelToken
) -> tuple[Mapping[str, InventoryEntry], ObjectsObserved]:
    inventory = ports.objects.inventory(kube, cancel)
    applied = [ref for entry in inventory.values() for ref in entry.objects]
    return inventory, ports.objects.look(applied, kube, cancel) if applied else ObjectsObserved()
