"""Stacks on kind as a user declares them: machines, mounts, gates, images; the quickstart of this repository."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.docker import require
from fakes.docker_project import APP, EMULATOR, MACHINES, Project, engine

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
NODE = MACHINES["kind"]
GATE = "CustomCPUCFSQuotaPeriod"
NATIVE = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
  - role: worker
    labels: {tier: back}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    require(NODE, EMULATOR, APP)
    new_project = Project(tmp_path, name=f"rig-e2e-{os.getpid()}")
    yield new_project
    new_project.down()
    assert new_project.on_engine() == []


def test_machines_are_as_declared_and_take_images(project: Project) -> None:
    given = project.folder / "stacks" / "given"
    given.mkdir(parents=True)
    (given / "greeting").write_text("hello")
    (project.folder / "stacks" / "kind.yaml").write_text(NATIVE)
    ports = {"http": project.http, "https": project.https}
    declared = {"featureGates": [f"{GATE}=true"], "mounts": ["given:/given:ro"], "config": "kind.yaml"}
    project.write_stack(cluster={"provider": "kind", "image": NODE, "ports": ports, **declared}, emulator=False)

    shown = json.loads(project.bootstrap("plan", project.name, "-v", "--output", "json"))["configuration"]
    assert [node.get("labels") for node in shown["nodes"]] == [None, {"tier": "back"}]
    project.up()

    nodes = {item["metadata"]["name"]: item["metadata"]["labels"] for item in project.objects("node")}
    assert sorted(labels.get("tier", "") for labels in nodes.values()) == ["", "back"]
    assert [inside(name, "cat", "/given/greeting") for name in nodes] == ["hello", "hello"]
    (server,) = project.objects("pod", "-n", "kube-system", "-l", "component=kube-apiserver")
    assert f"--feature-gates={GATE}=true" in server["spec"]["containers"][0]["command"]

    assert f"{APP} is on every node" in project.bootstrap("load", "--stack", project.name, APP)
    for name in nodes:
        assert json.loads(inside(name, "crictl", "inspecti", APP))
    with pytest.raises(AssertionError, match=r"not on this machine and cannot be pulled: 127\.0\.0\.1:9/no:1"):
        project.bootstrap("load", "--stack", project.name, "127.0.0.1:9/no:1")


def inside(node: str, *argv: str) -> str:
    with engine() as client:
        ended = client.containers.get(node).exec_run(list(argv))
    assert ended.exit_code == 0, ended.output
    assert isinstance(ended.output, bytes)
    return ended.output.decode()


def test_a_taken_port_is_told_with_its_holder_and_auto_takes_another_for_good(project: Project) -> None:
    project.write_stack(emulator=False)
    program = f"import socket; s = socket.create_server(('127.0.0.1', {project.http})); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "\n"
        with pytest.raises(AssertionError, match=rf"port {project.http} .* is in use by pid {holder.pid} \(python"):
            project.up()
        assert project.on_engine() == []
        project.up("--ports", "auto")
        holder.communicate("\n")
    given = project.bootstrap("plan", project.name, "-v", "--output", "json")
    (machine,) = json.loads(given)["configuration"]["nodes"]
    ports = [extra_port_mapping["hostPort"] for extra_port_mapping in machine["extraPortMappings"]]
    assert project.http not in ports
    # They are the stack's own from then on: the cluster is not made anew, though its declared port is free again.
    assert "Nothing to do" in project.up()


def test_quickstart_needs_no_image_but_three_that_can_be_set(project: Project) -> None:
    shutil.copytree(ROOT / "stacks" / "quickstart", project.folder / "stacks" / "quickstart")
    stack: dict[str, Any] = yaml.safe_load((ROOT / "stacks" / "quickstart.yaml").read_text())
    stack["metadata"] = {"name": project.name}
    stack["cluster"]["ports"] = {"http": project.http, "https": project.https}
    (project.folder / "stacks" / f"{project.name}.yaml").write_text(yaml.safe_dump(stack))
    used = ("--set", f"cluster.image={NODE}", "--set", f"emulator.image={EMULATOR}", "--var", f"app_image={APP}")
    ended = project.up("--provider", "kind", *used)
    assert "unchanged" not in ended
    (orders,) = project.objects("deployment", "-n", "orders")
    assert orders["status"]["readyReplicas"] == 1
    assert "Nothing to do" in project.up("--provider", "kind", *used)
    nodes = project.machines()
    status = project.bootstrap("status", project.name)
    assert f"cluster.image: {NODE} (--set), now kindest/node:" in status
    assert f"emulator.image: {EMULATOR} (--set), now ministackorg/ministack:" in status
    assert "down" not in status
    assert "Ready" in project.bootstrap("run", "--stack", project.name, "--", "kubectl", "get", "nodes")
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in project.bootstrap("env", project.name)
    assert "unchanged" in project.bootstrap("seed", "plan", "--stack", project.name)
    assert project.machines() == nodes
