"""A node image with an image in it, made on the engine and chosen again; nothing else is left, also after a kill."""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.baked_nodes import BakedNodes
from bootstrap.clusters.kind.tool import Kind
from bootstrap.docker.baked_images import baked_images
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.model.stack import ClusterSpec
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from fakes.on_docker import NODE_IMAGE, docker_of, left_on_engine, skip_without
from fakes.programs import real_programs

pytestmark = pytest.mark.docker

APP = os.environ.get("BOOTSTRAP_TEST_APP_IMAGE", "bootstrap-rig/http-echo:1.0.0")
OTHER = "rig-baked-other:1"


def _work() -> Work:
    return Work(CancelToken(SystemClock()).within(200, "the test"))


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[StackOnDocker]:
    skip_without(NODE_IMAGE, APP)
    docker = docker_of(tmp_path / f"baked-{uuid.uuid4().hex[:8]}")
    yield docker
    with docker.open() as client:
        for image in baked_images(client, _stack(docker)):
            client.images.remove(image.name)
        docker.remove_network(client, _work().cancel)
        with suppress(Exception):
            client.images.remove(OTHER)


def _stack(docker: StackOnDocker) -> str:
    return docker.name.removeprefix("bootstrap-")


def _baked(docker: StackOnDocker) -> BakedNodes:
    spec = ClusterSpec(image=NODE_IMAGE)
    kind = Kind(spec, docker.name, real_programs(), SystemProcesses(SystemClock()), os.environ)
    return BakedNodes(kind, docker, _stack(docker))


def test_it_is_made_once_and_chosen_for_what_it_has(docker: StackOnDocker) -> None:
    with docker.open() as client:
        # As a killed run leaves it.
        client.containers.create(NODE_IMAGE, name=f"{docker.name}-bake")
    name = _baked(docker).bake((APP, "nowhere:1"), _work())
    assert name.startswith(f"{docker.name}-node:")
    assert left_on_engine(docker) == [docker.name], "its network, which `down` removes"
    assert _baked(docker).bake((APP,), _work()) == ""
    with docker.open() as client:
        made, plain = client.images.get(name), client.images.get(NODE_IMAGE)
        for field in ("Entrypoint", "Cmd", "Env", "StopSignal"):
            assert (made.attrs["Config"].get(field) or None) == (plain.attrs["Config"].get(field) or None)
        client.images.get(APP).tag(*OTHER.split(":"))
        chosen = {}
        for wanted in ((), (APP,), (APP, "nowhere:1"), (APP, OTHER)):
            baked = _baked(docker)
            baked.expect(wanted)
            chosen[wanted] = baked.name_for(client, NODE_IMAGE, _work())
    assert chosen == {(): None, (APP,): name, (APP, "nowhere:1"): name, (APP, OTHER): None}
