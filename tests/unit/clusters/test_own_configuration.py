"""The user's own kind or k3d file: what is read out of it, and older formats of it."""

import socket
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.docker_nodes.host_ports import refuse_asked_twice, refuse_used
from bootstrap.clusters.k3d import config as k3d
from bootstrap.clusters.kind import config as kind
from bootstrap.errors import InvalidError, RefusedError
from bootstrap.model.stack import ClusterSpec, Profile
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses


def _spec(folder: Path, text: str) -> ClusterSpec:
    file = folder / "own.yaml"
    file.write_text(text)
    return ClusterSpec(image="i", config=file, profile=Profile.STOCK)


def _k3d(folder: Path, text: str) -> dict[str, Any]:
    return k3d.k3d_config(_spec(folder, text), "ours", "net")


@pytest.mark.parametrize(("family", "expected"), [("dual", True), ("ipv6", True), ("ipv4", False)])
def test_a_family_of_addresses_for_kind(tmp_path: Path, family: str, expected: bool) -> None:
    assert kind.needs_ipv6(_spec(tmp_path, f"kind: Cluster\nnetworking: {{ipFamily: {family}}}\n")) is expected
    assert not kind.needs_ipv6(ClusterSpec())


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--cluster-cidr=10.42.0.0/16,fd42::/56", True),
        ("--service-cidr=fd43::/112", True),
        ("--cluster-cidr=10.42.0.0/16", False),
        ("--tls-san=a:b", False),
    ],
)
def test_a_family_of_addresses_for_k3d(tmp_path: Path, argument: str, expected: bool) -> None:
    text = f"kind: Simple\noptions: {{k3s: {{extraArgs: [{{arg: '{argument}', nodeFilters: ['server:*']}}]}}}}\n"
    assert k3d.needs_ipv6(_spec(tmp_path, text)) is expected


def test_ports_that_a_kind_file_asks_for(tmp_path: Path) -> None:
    text = """\
kind: Cluster
networking: {apiServerPort: 6443}
nodes:
  - extraPortMappings:
      - {containerPort: 80, hostPort: 8081}
      - {containerPort: 53, hostPort: 5353, protocol: udp}
      - {containerPort: 443, hostPort: 0}
  - role: worker
    extraPortMappings: [{containerPort: 1, hostPort: 9000}]
"""
    assert kind.own_ports(_spec(tmp_path, text)) == [8081, 9000, 6443]
    assert kind.own_ports(ClusterSpec()) == []


def test_ports_that_a_k3d_file_asks_for(tmp_path: Path) -> None:
    text = """\
kind: Simple
kubeAPI: {hostPort: "6445"}
ports: [{port: 8081:80}, {port: "127.0.0.1:8082:81/tcp"}, {port: 53:53/udp}, {port: "8000-8002:8000-8002"}, {port: "1"}]
"""
    assert k3d.own_ports(_spec(tmp_path, text)) == [8081, 8082, 6445]


def test_a_port_that_somebody_has_is_told_with_the_file() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = holder.getsockname()[1]
        cancel = CancelToken(SystemClock())
        with pytest.raises(RefusedError, match=f"port {port} of 127.0.0.1 is in use by pid") as error:
            refuse_used([port], SystemProcesses(SystemClock()), cancel, file=Path("own.yaml"))
        assert error.value.fix == "end that program, or write another port in own.yaml"


@pytest.mark.parametrize(
    ("own", "message"), [([8080], "in cluster.ports and in own.yaml"), ([9000, 9000], "twice in own.yaml")]
)
def test_a_port_that_is_asked_for_twice(own: list[int], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        refuse_asked_twice((8080, 8443), own, Path("own.yaml"))
    refuse_asked_twice((8080, 8443), [9000], Path("own.yaml"))


@pytest.mark.parametrize("version", ["v1alpha3", "v1alpha4"])
def test_a_name_at_the_top_is_of_older_formats(tmp_path: Path, version: str) -> None:
    text = f"""\
apiVersion: k3d.io/{version}
kind: Simple
name: edge
agents: 1
ports: [{{port: 8081:80, nodeFilters: [loadbalancer]}}]
options: {{k3s: {{extraArgs: [{{arg: --disable=traefik, nodeFilters: ["server:*"]}}]}}}}
"""
    document = _k3d(tmp_path, text)
    assert "name" not in document
    assert (document["apiVersion"], document["metadata"], document["agents"]) == (
        "k3d.io/v1alpha5",
        {"name": "ours"},
        1,
    )
    assert document["ports"][0] == {"port": "8081:80", "nodeFilters": ["loadbalancer"]}
    assert document["options"]["k3d"]["disableLoadbalancer"] is False


def test_the_format_of_k3d_4(tmp_path: Path) -> None:
    text = """\
apiVersion: k3d.io/v1alpha2
kind: Simple
name: edge
volumes: [{volume: "/a:/b", nodeFilters: ["server[0]", "agent[*]"]}]
labels: [{label: a=b, nodeFilters: ["agent[1]"]}]
registries: {create: true, use: [x]}
options: {k3s: {extraServerArgs: [--tls-san=x], extraAgentArgs: [--y]}, runtime: {gpuRequest: all}}
"""
    document = _k3d(tmp_path, text)
    assert document["volumes"] == [{"volume": "/a:/b", "nodeFilters": ["server:0", "agent:*"]}]
    assert document["options"]["runtime"] == {
        "gpuRequest": "all",
        "labels": [{"label": "a=b", "nodeFilters": ["agent:1"]}],
    }
    assert document["options"]["k3s"]["extraArgs"][:2] == [
        {"arg": "--tls-san=x", "nodeFilters": ["server:*"]},
        {"arg": "--y", "nodeFilters": ["agent:*"]},
    ]
    assert {"extraServerArgs", "extraAgentArgs"}.isdisjoint(document["options"]["k3s"])
    assert document["registries"]["create"]["hostPort"] == "random"
    assert "labels" not in document


def test_a_format_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"own.yaml: apiVersion: k3d.io/v2 is not known") as error:
        _k3d(tmp_path, "apiVersion: k3d.io/v2\nkind: Simple\n")
    assert error.value.fix == "write apiVersion: k3d.io/v1alpha5, and the fields of that version"


def test_direct_ports_need_no_load_balancer(tmp_path: Path) -> None:
    document = _k3d(tmp_path, 'kind: Simple\nports: [{port: "8081:80", nodeFilters: ["server:0:direct"]}]\n')
    assert document["options"]["k3d"]["disableLoadbalancer"] is True
