"""Clusters in containers through what happens to them: kills, restarts, strangers of the same name."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.record import CREATION, RecordFile
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError
from bootstrap.model.observed import TargetState
from bootstrap.model.stack import HostPorts, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.on_docker import (
    NODE_IMAGE,
    docker_of,
    end_what_was_left,
    free_ports,
    kind_cluster,
    left_on_engine,
    skip_without,
)

pytestmark = pytest.mark.docker


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / f"test-{uuid.uuid4().hex[:8]}"
    skip_without(NODE_IMAGE)
    yield path
    kind_cluster(path).delete(Work(token(), ignore))
    assert left_on_engine(docker_of(path)) == []


def token(seconds: float = 300.0) -> CancelToken:
    return CancelToken(SystemClock()).within(seconds, "the test")


def ignore(_text: str) -> None:
    """Nobody listens."""


def restart_machines(docker: StackOnDocker) -> None:
    with docker.open() as client:
        for container in client.containers.list(filters={"network": docker.name}):
            container.restart()


def swap_addresses(docker: StackOnDocker) -> None:
    """As after a reboot: all stopped, started in another order, and every old address taken by somebody else."""
    with docker.open() as client:
        machines = sorted(
            client.containers.list(filters={"network": docker.name}), key=lambda machine: str(machine.name)
        )
        before = set(addresses(docker).values())
        for container in machines:
            container.stop()
        squatters = []
        try:
            # The engine gives the lowest free address to whoever starts.
            while not before <= set(addresses(docker).values()):
                squatters.append(
                    client.containers.run(NODE_IMAGE, "infinity", entrypoint="sleep", detach=True, network=docker.name)
                )
            for stopped in reversed(machines):
                stopped.start()
        finally:
            for squatter in squatters:
                squatter.remove(force=True)
    assert not before & set(addresses(docker).values())


def addresses(docker: StackOnDocker) -> dict[str, str]:
    with docker.open() as client:
        containers = client.containers.list(filters={"network": docker.name})
        networks = {str(container.name): container.attrs["NetworkSettings"]["Networks"] for container in containers}
    return {name: joined[docker.name]["IPAddress"] for name, joined in networks.items()}


def test_restarts_are_survived_and_nothing_is_made_anew(folder: Path) -> None:
    kube = kind_cluster(folder, workers=1).up(Work(token(), ignore))
    docker = docker_of(folder)
    with docker.open() as client:
        before = {container.id for container in client.containers.list(filters={"network": docker.name})}
    harms: tuple[Callable[[StackOnDocker], None], ...] = (restart_machines, swap_addresses)
    for harm in harms:
        harm(docker)
        assert kind_cluster(folder, workers=1).up(Work(token(180), ignore)) == kube
        assert kind_cluster(folder, workers=1).observe(token()).state is TargetState.RUNNING
    docker.stop_all(Work(token(), ignore))
    assert kind_cluster(folder, workers=1).observe(token()).state is TargetState.STOPPED
    assert kind_cluster(folder, workers=1).up(Work(token(180), ignore)) == kube
    with docker.open() as client:
        assert {container.id for container in client.containers.list(filters={"network": docker.name})} == before


def test_a_dead_kubelet_is_found_and_its_machine_restarted(folder: Path) -> None:
    kube = kind_cluster(folder).up(Work(token(), ignore))
    docker = docker_of(folder)
    with docker.open() as client:
        (machine,) = client.containers.list(filters={"network": docker.name})
        assert machine.exec_run(["systemctl", "stop", "kubelet"]).exit_code == 0
    until = time.monotonic() + 70
    while (observed := kind_cluster(folder).observe(token())).state is TargetState.RUNNING and time.monotonic() < until:
        time.sleep(1)
    assert observed.state is TargetState.BROKEN
    assert "has not reported for" in observed.detail
    assert kind_cluster(folder).up(Work(token(120), ignore)) == kube


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0, 4.0, 7.0, 11.0])
def test_a_creation_killed_at_any_moment_is_taken_away(folder: Path, seconds: float) -> None:
    program = [sys.executable, "-m", "fakes.on_docker", str(folder)]
    paths = os.pathsep.join((str(Path(__file__).parents[2]), str(Path(__file__).parents[3])))
    child = subprocess.Popen(program, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True)
    time.sleep(seconds)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    end_what_was_left(folder)
    assert kind_cluster(folder).observe(token()).state in {TargetState.ABSENT, TargetState.BROKEN}


def test_a_killed_creation_is_made_whole(folder: Path) -> None:
    cancelled = token()
    with pytest.raises(Exception, match="stop"):
        kind_cluster(folder).up(Work(cancelled, lambda text: cancelled.cancel("stop") if "waiting" in text else None))
    kind_cluster(folder).up(Work(token(), ignore))
    RecordFile(StatePaths(folder=folder)).begin(CREATION)
    assert kind_cluster(folder).observe(token()).detail == "its creation was interrupted"
    assert kind_cluster(folder).up(Work(token(), ignore)).uid


def test_a_cluster_of_the_same_name_that_is_not_ours(folder: Path) -> None:
    kube = kind_cluster(folder).up(Work(token(), ignore))
    owner = folder / "owner"
    nonce = owner.read_text()
    owner.write_text("another\n")
    with pytest.raises(RefusedError, match="was not created by this stack"):
        kind_cluster(folder).up(Work(token(), ignore))
    with pytest.raises(RefusedError, match="was not created by this stack"):
        kind_cluster(folder).delete(Work(token(), ignore))
    adopted = kind_cluster(folder, adopt=True).up(Work(token(), ignore))
    assert (adopted, owner.read_text()) == (kube, nonce)


def test_one_that_somebody_made_with_kind_alone(folder: Path) -> None:
    name = docker_of(folder).name
    config = folder.parent / "theirs"
    command = ["kind", "create", "cluster", "--name", name, "--image", NODE_IMAGE, "--kubeconfig", str(config)]
    networks = {**os.environ, "KIND_EXPERIMENTAL_DOCKER_NETWORK": f"{name}-theirs"}
    subprocess.run(command, check=True, capture_output=True, env=networks)
    try:
        observed = kind_cluster(folder).observe(token())
        assert (observed.state, "not on a network" in observed.detail) == (TargetState.FOREIGN, True)
        with pytest.raises(RefusedError, match="there is a kind cluster of this name"):
            kind_cluster(folder).up(Work(token(), ignore))
        with pytest.raises(RefusedError, match="does not belong to this stack"):
            kind_cluster(folder).delete(Work(token(), ignore))
        assert kind_cluster(folder, adopt=True).up(Work(token(), ignore)).uid
        assert kind_cluster(folder).observe(token()).state is TargetState.RUNNING
        kind_cluster(folder).delete(Work(token(), ignore))
    finally:
        subprocess.run(["kind", "delete", "cluster", "--name", name], check=True, capture_output=True)
        subprocess.run(["docker", "network", "rm", f"{name}-theirs"], check=True, capture_output=True)


def test_a_taken_port_is_found_before_anything_is_made(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = HostPorts(http=taken.getsockname()[1], https=free_ports(folder).https)
        with pytest.raises(RefusedError, match=rf"port {ports.http} .* is in use by pid {os.getpid()} "):
            kind_cluster(folder, ports=ports).up(Work(token(), ignore))
    assert left_on_engine(docker_of(folder)) == []


def test_an_image_that_cannot_be_had_is_told_of_before_a_machine_is_made(folder: Path) -> None:
    with pytest.raises(RefusedError, match=r"the image 127\.0\.0\.1:1/nobody:1 cannot be pulled") as raised:
        kind_cluster(folder, image="127.0.0.1:1/nobody:1").up(Work(token(), ignore))
    assert "--set cluster.image=" in str(raised.value.fix)
    assert kind_cluster(folder).observe(token()).state is TargetState.ABSENT
