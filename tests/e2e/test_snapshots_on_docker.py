"""A snapshot of a stack on kind: cluster, volumes on its nodes and the emulator's volume go back as one."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.docker.engine import connect
from bootstrap.docker.exec import execute
from bootstrap.system.clock import CancelToken, SystemClock
from fakes.docker import require
from fakes.left_behind import ECHO, EMULATOR, NODE, Project
from fakes.programs import real_programs

pytestmark = pytest.mark.docker

VOLUME = "/var/local-path-provisioner/pvc-1"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    require(NODE, EMULATOR, ECHO)
    new_project = Project(folder=tmp_path / "project", stack=f"rig-snapshot-{uuid.uuid4().hex[:8]}").write()
    yield new_project
    new_project.run("down", "--all")


def kubectl(project: Project, *arguments: str) -> str:
    file = next(project.state.glob("*/kubeconfig"))
    command = (str(real_programs().path("kubectl")), "--kubeconfig", str(file), *arguments)
    finished = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def containers(project: Project) -> dict[str, object]:
    """The published ports of the stack's containers, by name."""
    client = connect(os.environ, seconds=60)
    try:
        running = [each for each in client.containers.list() if project.stack in str(each.name)]
        return {str(each.name): each.ports for each in running}
    finally:
        client.close()


def in_node(project: Project, script: str) -> str:
    client = connect(os.environ, seconds=60)
    try:
        ours = (each for each in client.containers.list() if project.stack in str(each.name))
        node = next(each for each in ours if str(each.name).endswith("control-plane"))
        code, output = execute(node, ("sh", "-c", script), CancelToken(SystemClock()).within(60, "the test"))
    finally:
        client.close()
    assert code == 0, output
    return output.decode()


def test_a_restore_brings_everything_back(project: Project) -> None:
    # An instance has ports of its own, whatever else is up.
    instance = ("--name", "ci-1")
    stack = ("--stack", project.stack, *instance)
    project.done("up", project.stack, *instance, "--ports", "auto")
    project.done("load", ECHO, *stack)
    in_node(project, f"mkdir -p {VOLUME} && echo saved >{VOLUME}/file")
    kubectl(project, "create", "namespace", "kept")
    project.done("snapshot", "save", "a", *stack)
    before = containers(project)

    kubectl(project, "delete", "namespace", "kept")
    kubectl(project, "create", "namespace", "later")
    in_node(project, f"echo later >{VOLUME}/file; mkdir {VOLUME}-later")
    changed = json.loads(project.done("snapshot", "diff", "a", *stack, "-o", "json", "-q"))
    assert "Namespace kept" in changed["objects"]["removed"]
    assert "Namespace later" in changed["objects"]["added"]

    project.done("snapshot", "restore", "a", *stack)
    assert containers(project) == before
    names = kubectl(project, "get", "namespaces", "-o", "name").split()
    assert "namespace/kept" in names
    assert "namespace/later" not in names
    assert in_node(project, f"cat {VOLUME}/file; ls {Path(VOLUME).parent}").split() == ["saved", "pvc-1"]
    assert project.run("plan", project.stack, *instance, "--exit-code").code == 0
    assert project.run("seed", "plan", *stack, "--exit-code").code == 0
    kubectl(project, "create", "deployment", "probe", f"--image={ECHO}", "-n", "kept")
    kubectl(project, "rollout", "status", "deployment/probe", "-n", "kept", "--timeout=120s")
