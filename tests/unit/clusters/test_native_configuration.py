from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from bootstrap.clusters.k3d.config import k3d_config
from bootstrap.clusters.k3d.tool import K3d
from bootstrap.clusters.kind.config import IMAGES, image_of, kind_config
from bootstrap.clusters.kind.tool import Kind
from bootstrap.errors import InvalidError
from bootstrap.model.stack import ClusterSpec, Mount, Profile
from bootstrap.ports import Programs
from bootstrap.system.processes import Processes

FULL = ClusterSpec(
    feature_gates={"Both": False, "Ours": True},
    mounts=(
        Mount(here=Path("/data"), inside="/inside"),
        Mount(here=Path("/etc/here"), inside="/etc/there", read_only=True),
    ),
)
HTTP = {"containerPort": 30080, "hostPort": 8080, "listenAddress": "127.0.0.1", "protocol": "TCP"}
HTTPS = {"containerPort": 30443, "hostPort": 8443, "listenAddress": "127.0.0.1", "protocol": "TCP"}


def test_kind_of_one_machine() -> None:
    assert kind_config(ClusterSpec(image="web/node:1", profile=Profile.STOCK), "bootstrap-a") == {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": "bootstrap-a",
        "networking": {"apiServerAddress": "127.0.0.1"},
        "nodes": [{"role": "control-plane", "image": "web/node:1", "extraPortMappings": [HTTP, HTTPS]}],
    }


def test_kind_with_workers_leads_the_ports_into_the_control_plane() -> None:
    machines = kind_config(ClusterSpec(image="i", workers=2), "a")["nodes"]
    assert [machine["role"] for machine in machines] == ["control-plane", "worker", "worker"]
    assert ["extraPortMappings" in machine for machine in machines] == [True, False, False]


def test_the_users_own_kind_configuration_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "kind.yaml"
    own.write_text("""\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: theirs
featureGates: {Some: true}
networking: {apiServerAddress: 0.0.0.0, podSubnet: 10.1.0.0/16}
nodes:
  - {role: worker, extraMounts: [{hostPath: /a, containerPath: /b}]}
  - {role: control-plane, image: own:1, extraPortMappings: [{containerPort: 1, hostPort: 2}]}
""")
    document = kind_config(ClusterSpec(image="ours:1", config=own), "ours")
    assert document["featureGates"] == {"Some": True}
    assert document["name"] == "ours"
    assert document["networking"] == {"apiServerAddress": "127.0.0.1", "podSubnet": "10.1.0.0/16"}
    worker, plane = document["nodes"]
    assert (worker["image"], worker["extraMounts"]) == ("ours:1", [{"hostPath": "/a", "containerPath": "/b"}])
    assert (plane["image"], plane["extraPortMappings"]) == ("own:1", [{"containerPort": 1, "hostPort": 2}, HTTP, HTTPS])


def test_images_by_version() -> None:
    assert image_of(ClusterSpec(kubernetes="1.36")) == IMAGES["1.36"]
    assert image_of(ClusterSpec(kubernetes="1.34.2")) == "kindest/node:v1.34.2"
    with pytest.raises(InvalidError, match=r"there is no image for Kubernetes 1.2; known are 1.37"):
        image_of(ClusterSpec(kubernetes="1.2"))


def test_feature_gates_and_mounts_of_kind(tmp_path: Path) -> None:
    own = tmp_path / "kind.yaml"
    own.write_text(
        "kind: Cluster\nfeatureGates: {Theirs: true, Both: true}\nnodes: [{role: control-plane, image: own}]\n"
    )
    document = kind_config(replace(FULL, config=own, kubernetes="1.2"), "a")
    assert document["featureGates"] == {"Theirs": True, "Both": False, "Ours": True}
    assert document["nodes"][0]["extraMounts"] == [
        {"hostPath": "/data", "containerPath": "/inside"},
        {"hostPath": "/etc/here", "containerPath": "/etc/there", "readOnly": True},
    ]
    assert [len(node["extraMounts"]) for node in kind_config(replace(FULL, image="i", workers=1), "a")["nodes"]] == [
        2,
        2,
    ]


def test_feature_gates_and_mounts_of_k3d() -> None:
    document = k3d_config(replace(FULL, image="i", workers=1), "a", "net")
    assert document["volumes"] == [{"volume": "/data:/inside"}, {"volume": "/etc/here:/etc/there:ro"}]
    given = [argument for argument in document["options"]["k3s"]["extraArgs"] if "feature-gates" in argument["arg"]]
    assert given[0] == {
        "arg": "--kube-apiserver-arg=feature-gates=Both=false,Ours=true",
        "nodeFilters": ["server:*"],
    }
    assert [argument["nodeFilters"] for argument in given[3:]] == [["server:*", "agent:*"], ["server:*", "agent:*"]]
    alone = k3d_config(replace(FULL, image="i"), "a", "net")["options"]["k3s"]["extraArgs"]
    assert {tuple(argument["nodeFilters"]) for argument in alone} == {("server:*",)}


def test_k3d_without_its_bundled_parts() -> None:
    document = k3d_config(ClusterSpec(workers=1, image="k3s:1", profile=Profile.STOCK), "a", "net")
    assert (document["servers"], document["agents"], document["image"], document["network"]) == (1, 1, "k3s:1", "net")
    assert [argument["arg"] for argument in document["options"]["k3s"]["extraArgs"]] == [
        "--disable=traefik",
        "--disable=metrics-server",
    ]
    assert document["ports"][0] == {"port": "127.0.0.1:8080:30080", "nodeFilters": ["server:0:direct"]}
    assert document["kubeAPI"] == {"hostIP": "127.0.0.1"}
    assert document["options"]["kubeconfig"] == {"updateDefaultKubeconfig": False, "switchCurrentContext": False}


def test_the_users_own_k3d_configuration_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "k3d.yaml"
    own.write_text("""\
apiVersion: k3d.io/v1alpha5
kind: Simple
metadata: {name: theirs}
agents: 3
kubeAPI: {hostIP: 0.0.0.0, hostPort: "6445"}
volumes: [{volume: "/a:/b"}]
options: {k3s: {extraArgs: [{arg: --tls-san=x, nodeFilters: ["server:*"]}]}, k3d: {disableLoadbalancer: false}}
""")
    document = k3d_config(ClusterSpec(workers=1, image="i", config=own), "ours", "net")
    assert (document["metadata"], document["agents"], document["volumes"]) == (
        {"name": "ours"},
        3,
        [{"volume": "/a:/b"}],
    )
    assert document["kubeAPI"] == {"hostIP": "127.0.0.1", "hostPort": "6445"}
    arguments = [argument["arg"] for argument in document["options"]["k3s"]["extraArgs"]]
    assert arguments.index("--kubelet-arg=sync-frequency=5s") < arguments.index("--tls-san=x")
    assert document["options"]["k3d"]["disableLoadbalancer"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [("kind: Simple\n", "is not a kind configuration"), ("[", "cannot be read"), (None, "cannot be read")],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "kind.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidError, match=message):
        kind_config(ClusterSpec(image="i", config=file), "a")


def _patches(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [yaml.safe_load(patch) for patch in document.get("kubeadmConfigPatches") or ()]


def test_the_fast_profile_of_kind() -> None:
    election, kubelet = _patches(kind_config(ClusterSpec(image="i", workers=1), "a"))
    assert election["kind"] == "ClusterConfiguration"
    for part in ("controllerManager", "scheduler"):
        assert election[part] == {"extraArgs": {"leader-elect": "false"}}
    assert kubelet == {"kind": "KubeletConfiguration", "syncFrequency": "5s", "serializeImagePulls": False}
    assert "kubeadmConfigPatches" not in kind_config(ClusterSpec(image="i", profile=Profile.STOCK), "a")


def test_several_control_planes_elect_their_leader(tmp_path: Path) -> None:
    own = tmp_path / "kind.yaml"
    own.write_text("kind: Cluster\nnodes: [{role: control-plane}, {role: control-plane}, {role: worker}]\n")
    kinds = [patch["kind"] for patch in _patches(kind_config(ClusterSpec(image="i", config=own), "a"))]
    assert kinds == ["KubeletConfiguration"]


def test_the_users_own_patches_come_after_the_profile(tmp_path: Path) -> None:
    own = tmp_path / "kind.yaml"
    own.write_text("kind: Cluster\nkubeadmConfigPatches: ['{kind: KubeletConfiguration, syncFrequency: 1m}']\n")
    patches = _patches(kind_config(ClusterSpec(image="i", config=own), "a"))
    assert [patch.get("syncFrequency") for patch in patches] == [None, "5s", "1m"]


def test_the_fast_profile_of_k3d(tmp_path: Path) -> None:
    def arguments(spec: ClusterSpec) -> dict[str, list[str]]:
        extra_args = k3d_config(spec, "a", "net")["options"]["k3s"]["extraArgs"]
        return {argument["arg"]: argument["nodeFilters"] for argument in extra_args if "disable" not in argument["arg"]}

    assert arguments(ClusterSpec(image="i", workers=1)) == {
        "--kube-controller-manager-arg=leader-elect=false": ["server:*"],
        "--kube-scheduler-arg=leader-elect=false": ["server:*"],
        "--kubelet-arg=sync-frequency=5s": ["server:*", "agent:*"],
        "--kubelet-arg=serialize-image-pulls=false": ["server:*", "agent:*"],
    }
    own = tmp_path / "k3d.yaml"
    own.write_text("apiVersion: k3d.io/v1alpha5\nkind: Simple\nservers: 3\n")
    assert list(arguments(ClusterSpec(image="i", config=own))) == [
        "--kubelet-arg=sync-frequency=5s",
        "--kubelet-arg=serialize-image-pulls=false",
    ]
    assert arguments(ClusterSpec(image="i", profile=Profile.STOCK)) == {}


@pytest.mark.parametrize("profile", list(Profile))
def test_a_cluster_made_without_the_profile_is_as_declared(profile: Profile) -> None:
    spec = ClusterSpec(image="i", profile=profile)
    programs, processes = cast("Programs", None), cast("Processes", None)
    stock = replace(spec, profile=Profile.STOCK)
    kind = Kind(spec, "a", programs, processes, {})
    k3d = K3d(spec, "a", "net", programs, processes, {})
    assert Kind(stock, "a", programs, processes, {}).configuration() in (
        *kind.earlier_configurations(),
        kind.configuration(),
    )
    assert K3d(stock, "a", "net", programs, processes, {}).configuration() in (
        *k3d.earlier_configurations(),
        k3d.configuration(),
    )
    # The other way round the user has asked for another cluster.
    assert len(kind.earlier_configurations()) == len(k3d.earlier_configurations()) == (profile is Profile.FAST)
