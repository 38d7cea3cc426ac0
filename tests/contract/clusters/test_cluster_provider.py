"""What every cluster provider promises, held on the fake and on each real one.

A new provider joins by one line in `PROVIDERS`.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.errors import CancelledError
from bootstrap.model.observed import TargetState
from bootstrap.ports import ClusterProvider
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.embedded import Embedded
from fakes.on_docker import k3d_cluster, kind_cluster
from fakes.ports import FakeCluster, World

PROVIDERS: dict[str, Callable[[Path], ClusterProvider]] = {
    "fake": lambda _folder: FakeCluster(World()),
    "kwok": lambda folder: Embedded(folder / "state").provider,
    "kind": lambda folder: kind_cluster(folder / f"kind-{uuid.uuid4().hex[:8]}"),
    "k3d": lambda folder: k3d_cluster(folder / f"k3d-{uuid.uuid4().hex[:8]}"),
}
MARKS = {"kwok": pytest.mark.e2e, "kind": pytest.mark.docker, "k3d": pytest.mark.docker}


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in PROVIDERS])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClusterProvider]:
    provider_built = PROVIDERS[request.param](tmp_path)
    yield provider_built
    provider_built.delete(Work(token(), ignore))


def token() -> CancelToken:
    return CancelToken(SystemClock()).within(300, "the test")


def ignore(_text: str) -> None:
    """Nobody listens."""


def test_its_life(provider: ClusterProvider) -> None:
    said: list[str] = []
    assert provider.observe(token()).state is TargetState.ABSENT

    kube = provider.up(Work(token(), said.append))
    assert said
    assert kube.uid

    observed = provider.observe(token())
    assert (observed.state, observed.kube) == (TargetState.RUNNING, kube)
    assert provider.up(Work(token(), ignore)) == kube

    provider.delete(Work(token(), ignore))
    gone = provider.observe(token())
    assert (gone.state, gone.kube) == (TargetState.ABSENT, None)
    provider.delete(Work(token(), ignore))


def test_a_cancelled_up_leaves_what_can_be_deleted(provider: ClusterProvider) -> None:
    cancelled = token()
    cancelled.cancel("stop")
    with pytest.raises(CancelledError, match="stop"):
        provider.up(Work(cancelled, ignore))
    provider.delete(Work(token(), ignore))
    assert provider.observe(token()).state is TargetState.ABSENT


@pytest.mark.e2e
def test_one_cancelled_halfway_too(tmp_path: Path) -> None:
    provider = Embedded(tmp_path).provider
    cancelled = token()
    with pytest.raises(CancelledError, match="stop"):
        provider.up(Work(cancelled, lambda _text: cancelled.cancel("stop")))
    provider.delete(Work(token(), ignore))
    assert provider.observe(token()).state is TargetState.ABSENT
