"""The times of pods are part of how an install ended, whether well or not."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from bootstrap.engine.perform import Performer
from bootstrap.errors import BootstrapError
from bootstrap.model.event import Status
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.observed import ClusterObserved, Observed, PreparedRelease, TargetState
from bootstrap.model.pod_times import PodTimes
from bootstrap.model.release import LocalChart, Release
from bootstrap.model.step import InstallRelease
from bootstrap.ports import ObjectPodTimes
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.ports import KUBE, World

WEB = PodTimes(namespace="shop", name="web-1")
RELEASE = Release(
    namespace="shop", name="web", release_name="web", target_namespace="shop", chart=LocalChart(path=Path("/c"))
)
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
INSTALL = InstallRelease(prepared=PreparedRelease(release=RELEASE, chart_digest="d", manifests=(DEPLOYMENT,)))


def performer(world: World, pod_times: ObjectPodTimes) -> Performer:
    seen = Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE))
    ports = dataclasses.replace(world.ports(), pod_times=pod_times)
    return Performer(ports, seen, lambda _keep: "")


def read(objects: Iterable[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken) -> Sequence[PodTimes]:
    assert [(ref.kind, ref.name, namespace) for ref in objects] == [("Deployment", "web", "shop")]
    return [WEB]


@pytest.mark.parametrize("fails", [False, True])
def test_an_install_ends_with_the_times_of_its_pods(*, fails: bool) -> None:
    world = World()
    if fails:
        world.fail("install shop/web", "not ready after 60s")
    outcome = performer(world, read)(INSTALL, Work(CancelToken(FakeClock())))
    assert outcome.pods == (WEB,)
    assert outcome.status is (Status.FAILED if fails else Status.DONE)
    assert outcome.error is world.failures.get("install shop/web")


def test_times_that_cannot_be_read_do_not_fail_an_install() -> None:
    def unreadable(
        objects: Iterable[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Sequence[PodTimes]:
        raise BootstrapError("no answer")

    outcome = performer(World(), unreadable)(INSTALL, Work(CancelToken(FakeClock())))
    assert (outcome.status, outcome.pods) == (Status.DONE, ())
