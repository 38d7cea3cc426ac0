"""k3d through restarts: what it wrote into its nodes when it made them is there again."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.containers import host_record
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.model.observed import TargetState
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.on_docker import K3S_IMAGE, docker_of, k3d_cluster, left_on_engine, skip_without

pytestmark = pytest.mark.docker
HOST = "host.k3d.internal"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    skip_without(K3S_IMAGE)
    path = tmp_path / f"test-{uuid.uuid4().hex[:8]}"
    yield path
    k3d_cluster(path).delete(Work(token(), ignore))
    assert left_on_engine(docker_of(path)) == []


def token(seconds: float = 300.0) -> CancelToken:
    return CancelToken(SystemClock()).within(seconds, "the test")


def ignore(_text: str) -> None:
    """Nobody listens."""


def record(docker: StackOnDocker) -> str:
    with docker.open() as client:
        (node,) = client.containers.list(filters={"network": docker.name})
        return host_record(node, HOST, token())


def test_a_restarted_node_knows_its_host_again(folder: Path) -> None:
    kube = k3d_cluster(folder).up(Work(token(), ignore))
    docker = docker_of(folder)
    before = record(docker)
    assert before
    with docker.open() as client:
        (node,) = client.containers.list(filters={"network": docker.name})
        node.restart()
    assert record(docker) == ""
    observed = k3d_cluster(folder).observe(token())
    assert (observed.state, observed.detail.endswith(f"no longer resolves {HOST}")) == (TargetState.BROKEN, True)
    messages: list[str] = []
    assert k3d_cluster(folder).up(Work(token(120), messages.append)) == kube
    assert record(docker) == before
    assert [text for text in messages if text.startswith(f"writing {HOST} into ")]

    docker.stop_all(Work(token(), ignore))
    assert k3d_cluster(folder).observe(token()).state is TargetState.STOPPED
    assert k3d_cluster(folder).up(Work(token(120), ignore)) == kube
    assert record(docker) == before
    assert k3d_cluster(folder).observe(token()).state is TargetState.RUNNING
