"""What kind is given: ours, and the user's own configuration beneath it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.clusters.docker_nodes.host_ports import HTTP_NODE_PORT, HTTPS_NODE_PORT
from bootstrap.clusters.docker_nodes.native_config import read_native
from bootstrap.clusters.kind.profile import fast_patches
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.stack import ClusterSpec, Profile

# kind's releases pin the images that were built for them; these are of 0.33.0.
IMAGES = {
    "1.37": "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5",
    "1.36": "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed",
    "1.35": "kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0",
    "1.34": "kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d",
    "1.33": "kindest/node:v1.33.12@sha256:3f5c8443c620245e4d355cfe09e96a91ead32ceaa569d3f1ca9edf0cb2fe2ff4",
}


def image_of(spec: ClusterSpec) -> str:
    """The image of the nodes: the one that is declared, else kind's own for the version.

    Raises:
        InvalidError: there is none for this version.
    """
    if spec.image is not None:
        return spec.image
    if spec.kubernetes.count(".") > 1:
        return f"kindest/node:v{spec.kubernetes}"
    if spec.kubernetes not in IMAGES:
        text = f"there is no image for Kubernetes {spec.kubernetes}; known are {', '.join(IMAGES)}"
        raise InvalidError([Problem(place=Place(file="cluster.kubernetes"), text=text)], fix="set cluster.image")
    return IMAGES[spec.kubernetes]


def kind_config(spec: ClusterSpec, name: str) -> dict[str, Any]:
    """A v1alpha4 cluster: the user's file if there is one, with what the stack needs put in.

    The user's nodes stay as they are, except for the stack's mounts, and an image if they name none; without them there
    is one control plane and as many workers as are declared. The first control plane leads the stack's ports in.

    Raises:
        InvalidError: the user's file is not a kind configuration.
    """
    given = _own(spec)
    nodes: list[dict[str, Any]] = [dict(node) for node in given.get("nodes") or ()]
    if not nodes:
        nodes = [{"role": "control-plane"}, *({"role": "worker"} for _ in range(spec.workers))]
    for node in nodes:
        node["image"] = node.get("image") or image_of(spec)
        if spec.mounts:
            node["extraMounts"] = [*(node.get("extraMounts") or ()), *_mounts(spec)]
    first = next((node for node in nodes if node.get("role", "control-plane") == "control-plane"), nodes[0])
    first["extraPortMappings"] = [*(first.get("extraPortMappings") or ()), *_ports(spec)]
    networking = {**(given.get("networking") or {}), "apiServerAddress": "127.0.0.1"}
    head = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4"}
    gates = {**(given.get("featureGates") or {}), **spec.feature_gates}
    more: dict[str, Any] = {"featureGates": gates} if gates else {}
    patches = [*_fast(spec, nodes), *(given.get("kubeadmConfigPatches") or ())]
    if patches:
        more["kubeadmConfigPatches"] = patches
    return {**given, **head, "name": name, **more, "networking": networking, "nodes": nodes}


def _own(spec: ClusterSpec) -> Mapping[str, Any]:
    return {} if spec.config is None else read_native(spec.config, "Cluster", "kind")


def needs_ipv6(spec: ClusterSpec) -> bool:
    """Whether the user's own configuration asks for IPv6: then the network of the nodes needs it too."""
    return (_own(spec).get("networking") or {}).get("ipFamily") in {"ipv6", "dual"}


def own_ports(spec: ClusterSpec) -> Sequence[int]:
    """Ports of TCP of this machine that the user's own configuration asks for; 0 is any."""
    mappings = [entry for node in _own(spec).get("nodes") or () for entry in node.get("extraPortMappings") or ()]
    ports = [entry.get("hostPort") for entry in mappings if str(entry.get("protocol", "TCP")).upper() == "TCP"]
    ports.append((_own(spec).get("networking") or {}).get("apiServerPort"))
    return [int(port) for port in ports if isinstance(port, int) and port > 0]


def _fast(spec: ClusterSpec, nodes: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    if spec.profile is not Profile.FAST:
        return ()
    return fast_patches(control_planes=sum(node.get("role", "control-plane") == "control-plane" for node in nodes))


def _mounts(spec: ClusterSpec) -> list[dict[str, Any]]:
    return [
        {"hostPath": str(mount.here), "containerPath": mount.inside, **({"readOnly": True} if mount.read_only else {})}
        for mount in spec.mounts
    ]


def _ports(spec: ClusterSpec) -> list[dict[str, Any]]:
    pairs = ((HTTP_NODE_PORT, spec.ports.http), (HTTPS_NODE_PORT, spec.ports.https))
    return [
        {"containerPort": inside, "hostPort": outside, "listenAddress": "127.0.0.1", "protocol": "TCP"}
        for inside, outside in pairs
    ]
