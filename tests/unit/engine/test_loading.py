"""Images on their way to machines that are still being made."""

import dataclasses
import threading
from collections.abc import Callable, Sequence

import pytest

from bootstrap.engine.perform import Performer
from bootstrap.errors import BootstrapError, StepFailedError
from bootstrap.model.event import Outcome, Status
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, Observed, TargetState
from bootstrap.model.stack import ClusterSpec
from bootstrap.model.step import EnsureCluster, LoadImages
from bootstrap.ports import LoadedImages
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.ports import KUBE, FakeCluster, FakeImages, World

IMAGES = LoadImages(images=("a:1", "b:2"))
LOAD = "load a:1 b:2 on a cluster that is"


class SlowCluster(FakeCluster):
    """Comes up, or fails, when it is told to."""

    def __init__(self, world: World, error: BootstrapError | None = None) -> None:
        super().__init__(world)
        self.may_end = threading.Event()
        self.error = error

    def up(self, work: Work) -> KubeContext:
        assert self.may_end.wait(10)
        if self.error is not None:
            raise self.error
        self.world.cluster = TargetState.RUNNING
        return KUBE


def token() -> CancelToken:
    return CancelToken(SystemClock()).within(20, "the test")


def performer(cluster: FakeCluster, images: FakeImages, *, makes_cluster: bool = True) -> Performer:
    ports = dataclasses.replace(cluster.world.ports(), cluster=cluster, images=images)
    kube = KUBE if cluster.world.cluster is TargetState.RUNNING else None
    seen = Observed(cluster=ClusterObserved(state=cluster.world.cluster, kube=kube))
    return Performer(ports, seen, lambda _keep: "", makes_cluster=makes_cluster)


def run_both(cluster: SlowCluster, images: FakeImages, say_line: Callable[[str], None]) -> Outcome:
    """The outcome of loading while the cluster is made, which ends once an early load was tried."""
    perform = performer(cluster, images)

    def make() -> None:
        try:
            perform(EnsureCluster(spec=ClusterSpec()), Work(token(), lambda _text: None))
        except StepFailedError:
            assert cluster.error is not None

    making = threading.Thread(target=make)
    making.start()
    try:
        return perform(IMAGES, Work(token(), say_line))
    finally:
        cluster.may_end.set()
        making.join()


class EndsTheCluster(FakeImages):
    """Lets the cluster come up as soon as an early load was tried."""

    def __init__(self, world: World, cluster: SlowCluster, **fields: object) -> None:
        super().__init__(world, **fields)  # type: ignore[arg-type]  # fields of the fake
        self.cluster = cluster

    def ensure(self, images: Sequence[str], work: Work) -> LoadedImages:
        try:
            return super().ensure(images, work)
        finally:
            self.cluster.may_end.set()


def test_they_are_loaded_while_the_cluster_is_made_and_seen_there_once_it_is() -> None:
    cluster = SlowCluster(World())
    outcome = run_both(cluster, EndsTheCluster(cluster.world, cluster, looks=2), lambda _text: None)
    assert (outcome.status, outcome.detail) == (Status.DONE, "on every node")
    assert cluster.world.writes == ["fetch a:1 b:2", f"{LOAD} absent", f"{LOAD} running"]


def test_an_early_load_that_fails_is_made_good_once_the_cluster_is_there() -> None:
    cluster, messages = SlowCluster(World()), list[str]()
    cluster.world.fail(f"{LOAD} absent", "the machine is restarting")
    outcome = run_both(cluster, EndsTheCluster(cluster.world, cluster), messages.append)
    assert outcome.status is Status.DONE
    assert "again once the cluster is ready: the machine is restarting" in messages
    assert cluster.world.writes == ["fetch a:1 b:2", f"{LOAD} running"]


def test_a_cluster_that_fails_leaves_the_images_on_the_engine() -> None:
    cluster = SlowCluster(World(), error=StepFailedError("no space left"))
    outcome = run_both(cluster, EndsTheCluster(cluster.world, cluster), lambda _text: None)
    assert (outcome.status, outcome.detail) == (Status.SKIPPED, "cluster")


def test_a_cluster_that_is_there_is_not_waited_for() -> None:
    world = World(cluster=TargetState.RUNNING)
    images = FakeImages(world, unknown=frozenset({"b:2"}))
    outcome = performer(FakeCluster(world), images, makes_cluster=False)(IMAGES, Work(token(), lambda _text: None))
    assert outcome.detail == "the cluster pulls: b:2"


def test_images_that_are_on_every_machine_change_nothing() -> None:
    world = World(cluster=TargetState.RUNNING)
    images = FakeImages(world, there={"a:1", "b:2"})
    outcome = performer(FakeCluster(world), images, makes_cluster=False)(IMAGES, Work(token(), lambda _text: None))
    assert outcome.status is Status.UNCHANGED


def test_machines_that_never_take_them_do_not_hold_up_a_cluster_that_nobody_makes() -> None:
    world = World()
    images = FakeImages(world, looks=1000)
    outcome = performer(FakeCluster(world), images, makes_cluster=False)(IMAGES, Work(token(), lambda _text: None))
    assert outcome.status is Status.SKIPPED


def test_a_provider_without_machines_says_so() -> None:
    perform = Performer(World().ports(), Observed(cluster=ClusterObserved(state=TargetState.ABSENT)), lambda _keep: "")
    with pytest.raises(BootstrapError, match="cannot be loaded into the nodes"):
        perform(IMAGES, Work(token(), lambda _text: None))
