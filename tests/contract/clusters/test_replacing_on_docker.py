"""Real kind clusters: what is lost of them is adopted or refused, and replaced by consent alone."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.observed import TargetState
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.machine import quiet
from fakes.on_docker import docker_of, free_ports, kind_cluster, left_on_engine

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of a stack whose cluster is up."""
    stack = tmp_path_factory.mktemp("state") / f"replacing-{os.getpid()}"
    kind_cluster(stack).up(work())
    try:
        yield stack
    finally:
        kind_cluster(stack).delete(work())
        assert left_on_engine(docker_of(stack)) == []


def work() -> Work:
    return Work(CancelToken(SystemClock()).within(300, "the test"), quiet)


def nodes(folder: Path) -> set[str]:
    docker = docker_of(folder)
    with docker.open() as client:
        all_containers = client.containers.list(all=True, ignore_removed=True)
        return {str(container.id) for container in all_containers if docker.name in str(container.name)}


def test_a_changed_field_leaves_what_runs_untouched(folder: Path) -> None:
    before = nodes(folder)
    for changed in (kind_cluster(folder, workers=1), kind_cluster(folder, image="nobody-has-this:1")):
        seen = changed.observe(work().cancel)
        assert (seen.state, seen.kube is None) == (TargetState.RUNNING, False)
        assert seen.replacement is not None
        with pytest.raises(ReplacementNeededError):
            changed.up(work())
    with pytest.raises(RefusedError, match="cannot be pulled"):
        kind_cluster(folder, image="nobody-has-this:1").replace(work())
    assert nodes(folder) == before
    assert kind_cluster(folder).observe(work().cancel).state is TargetState.RUNNING


def test_a_lost_record_is_adopted_as_it_is(folder: Path) -> None:
    before, record = nodes(folder), StatePaths(folder=folder).cluster / "machines.json"
    uid = kind_cluster(folder).up(work()).uid
    record.unlink()
    with pytest.raises(RefusedError, match="cannot be proven"):
        kind_cluster(folder).up(work())
    assert kind_cluster(folder, adopt=True).up(work()).uid == uid
    assert nodes(folder) == before


def test_a_removed_network_is_made_again_around_the_same_nodes(folder: Path) -> None:
    before, name = nodes(folder), docker_of(folder).name
    uid = kind_cluster(folder).up(work()).uid
    subprocess.run(["docker", "stop", *before], check=True, capture_output=True)
    subprocess.run(["docker", "network", "rm", name], check=True, capture_output=True)
    for act in (kind_cluster(folder).up, kind_cluster(folder).start):
        with pytest.raises(RefusedError, match="was removed"):
            act(work())
    assert kind_cluster(folder, adopt=True).up(work()).uid == uid
    assert nodes(folder) == before


def test_a_stopped_one_is_started_whatever_is_declared(folder: Path) -> None:
    before = nodes(folder)
    subprocess.run(["docker", "stop", *before], check=True, capture_output=True)
    assert kind_cluster(folder, workers=2).start(work()).uid
    assert nodes(folder) == before


def test_by_consent_it_is_replaced_and_keeps_its_ports(folder: Path) -> None:
    before, ports = nodes(folder), free_ports(folder)
    uid = kind_cluster(folder).up(work()).uid
    assert kind_cluster(folder, workers=1, ports=ports).replace(work()).uid != uid
    assert not nodes(folder) & before
    assert kind_cluster(folder, workers=1).observe(work().cancel).replacement is None


def test_a_node_that_was_removed_is_named_with_the_two_ways_on(folder: Path) -> None:
    name = f"{docker_of(folder).name}-worker"
    subprocess.run(["docker", "rm", "-f", "-v", name], check=True, capture_output=True)
    before = nodes(folder)
    with pytest.raises(RefusedError, match=f"{name} of the cluster was removed") as refused:
        kind_cluster(folder, workers=1).start(work())
    assert "--allow-replace cluster" in str(refused.value.fix)
    assert "bootstrap down" in str(refused.value.fix)
    with pytest.raises(ReplacementNeededError, match="was removed"):
        kind_cluster(folder, workers=1).up(work())
    assert nodes(folder) == before
