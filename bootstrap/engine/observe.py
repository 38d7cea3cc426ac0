"""Reads the observed state, once, in parallel."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from bootstrap.engine.losses import with_losses
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorObserved,
    InventoryEntry,
    ObjectsObserved,
    Observed,
    ReleaseObserved,
    SeedsObserved,
)
from bootstrap.ports import Ports
from bootstrap.system.clock import CancelToken


def observe(ports: Ports, cancel: CancelToken) -> Observed:
    """Read the state of cluster and emulator and, if they are running, of what is in them. Changes nothing.

    Raises:
        RefusedError: something that is not ours answers at our address.
    """
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="observe") as pool:
        emulator = pool.submit(_emulator, ports, cancel)
        builds = None if ports.builds is None else pool.submit(ports.builds.built, cancel)
        cluster = pool.submit(_cluster, ports, cancel, pool)
        cluster_observed, releases, inventory, objects = cluster.result()
        seen, seeds = emulator.result()
        built = frozenset[str]() if builds is None else builds.result()
    observed = Observed(
        cluster=cluster_observed,
        emulator=seen,
        seeds=seeds,
        releases=releases,
        inventory=inventory,
        built=built,
        objects=objects,
    )
    return with_losses(observed, ports.losses, cancel)


def _emulator(ports: Ports, cancel: CancelToken) -> tuple[EmulatorObserved | None, SeedsObserved | None]:
    if ports.emulator is None:
        return None, None
    emulator_observed = ports.emulator.observe(cancel)
    if emulator_observed.endpoint is None or ports.seeds is None:
        return emulator_observed, None
    return emulator_observed, ports.seeds.observe(emulator_observed.endpoint, cancel)


_InCluster = tuple[ClusterObserved, Mapping[str, ReleaseObserved], Mapping[str, InventoryEntry], ObjectsObserved]


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
