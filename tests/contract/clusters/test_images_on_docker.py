"""Images on the nodes of a real cluster, from whichever engine DOCKER_HOST leads to."""

import io
import os
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.containerd_images import images_on
from bootstrap.clusters.docker_nodes.node_images import NodeImages
from bootstrap.clusters.kind.tool import Kind
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.model.stack import ClusterSpec
from bootstrap.ports import LoadedImages
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from fakes.on_docker import NODE_IMAGE, docker_of, kind_cluster, left_on_engine, skip_without
from fakes.programs import real_programs

pytestmark = pytest.mark.docker

MULTI = os.environ.get("BOOTSTRAP_TEST_MULTI_IMAGE", "bootstrap-rig/multi:1.0.0")
APP = os.environ.get("BOOTSTRAP_TEST_APP_IMAGE", "bootstrap-rig/http-echo:1.0.0")


def _work() -> Work:
    return Work(CancelToken(SystemClock()).within(300, "the test"))


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackOnDocker]:
    """What a stack with one kind cluster of two nodes has on the engine."""
    skip_without(NODE_IMAGE)
    folder = tmp_path_factory.mktemp("state") / f"images-{uuid.uuid4().hex[:8]}"
    cluster = kind_cluster(folder, workers=1)
    try:
        cluster.up(_work())
        yield docker_of(folder)
    finally:
        cluster.delete(_work())
        assert left_on_engine(docker_of(folder)) == []


def _images(docker: StackOnDocker) -> NodeImages:
    """As in a new run."""
    spec = ClusterSpec(workers=1, image=NODE_IMAGE)
    processes = SystemProcesses(SystemClock())
    return NodeImages(Kind(spec, docker.name, real_programs(), processes, os.environ), docker)


def _digests(docker: StackOnDocker, name: str) -> set[str | None]:
    with docker.open() as client:
        nodes = client.containers.list(filters={"network": docker.name})
        assert len(nodes) == 2
        return {images_on(node, _work().cancel).get(name) for node in nodes}


def _build(docker: StackOnDocker, tag: str, content: bytes) -> None:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, data in (("Dockerfile", b"FROM scratch\nCOPY file /file\n"), ("file", content)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    context.seek(0)
    with docker.open() as client:
        client.images.build(fileobj=context, custom_context=True, tag=tag)


def test_an_image_of_which_other_platforms_are_absent(docker: StackOnDocker) -> None:
    skip_without(MULTI)
    assert _images(docker).ensure((MULTI,), _work()) == LoadedImages(loaded=(MULTI,))
    assert _images(docker).ensure((MULTI,), _work()) == LoadedImages()


def test_a_second_run_loads_nothing(docker: StackOnDocker) -> None:
    skip_without(APP)
    assert _images(docker).ensure((APP,), _work()) == LoadedImages(loaded=(APP,))
    assert _images(docker).ensure((APP,), _work()) == LoadedImages()
    assert None not in _digests(docker, f"docker.io/{APP}")


def test_a_rebuilt_image_replaces_the_older_one(docker: StackOnDocker, tmp_path: Path) -> None:
    tag = f"images-test-{uuid.uuid4().hex[:8]}:dev"
    try:
        _build(docker, tag, b"first")
        assert _images(docker).ensure((tag,), _work()) == LoadedImages(loaded=(tag,))
        before = _digests(docker, f"docker.io/library/{tag}")
        _build(docker, tag, b"second")
        assert _images(docker).ensure((tag,), _work()) == LoadedImages(loaded=(tag,))
        after = _digests(docker, f"docker.io/library/{tag}")
        assert None not in before | after
        assert not before & after
    finally:
        with docker.open() as client:
            client.images.remove(tag, force=True)


def test_what_nobody_has_is_left_for_the_cluster(docker: StackOnDocker) -> None:
    assert _images(docker).ensure(("127.0.0.1:9/no:1",), _work()) == LoadedImages(left=("127.0.0.1:9/no:1",))
