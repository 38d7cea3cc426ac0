"""What k3d is given: ours, and the user's own configuration beneath it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.clusters.docker_nodes.host_ports import HTTP_NODE_PORT, HTTPS_NODE_PORT
from bootstrap.clusters.docker_nodes.native_config import read_native
from bootstrap.clusters.k3d.old_formats import in_current_words
from bootstrap.clusters.k3d.profile import fast_arguments
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.stack import ClusterSpec, Profile

# k3s releases of each minor, from when k3d 5.8.3 was current or later.
IMAGES = {
    "1.36": "docker.io/rancher/k3s:v1.36.2-k3s1",
    "1.35": "docker.io/rancher/k3s:v1.35.5-k3s1",
    "1.34": "docker.io/rancher/k3s:v1.34.1-k3s1",
    "1.33": "docker.io/rancher/k3s:v1.33.5-k3s1",
    "1.32": "docker.io/rancher/k3s:v1.32.9-k3s1",
    "1.31": "docker.io/rancher/k3s:v1.31.13-k3s1",
}
_LEFT_OUT = ("traefik", "metrics-server")
"""Parts of k3s that a stack brings itself, or not at all."""


def image_of(spec: ClusterSpec) -> str:
    """The image of the nodes: the one that is declared, else k3s of the version.

    Raises:
        InvalidError: there is none for this version.
    """
    if spec.image is not None:
        return spec.image
    if spec.kubernetes.count(".") > 1:
        return f"docker.io/rancher/k3s:v{spec.kubernetes}-k3s1"
    if spec.kubernetes not in IMAGES:
        text = f"there is no image for Kubernetes {spec.kubernetes}; known are {', '.join(IMAGES)}"
        raise InvalidError([Problem(place=Place(file="cluster.kubernetes"), text=text)], fix="set cluster.image")
    return IMAGES[spec.kubernetes]


def k3d_config(spec: ClusterSpec, name: str, network: str) -> dict[str, Any]:
    """A v1alpha5 simple configuration: the user's file if there is one, with what the stack needs put in.

    Raises:
        InvalidError: the user's file is not a k3d configuration.
    """
    given = _own(spec)
    options = given.get("options") or {}
    counts = {"servers": 1, "agents": spec.workers} | {key: given[key] for key in ("servers", "agents") if key in given}
    mounts = [*(given.get("volumes") or ()), *_mounts(spec)]
    return {
        **({} if "image" in given else {"image": image_of(spec)}),
        **given,
        **counts,
        **({"volumes": mounts} if mounts else {}),
        "apiVersion": "k3d.io/v1alpha5",
        "kind": "Simple",
        "metadata": {"name": name},
        "network": network,
        "kubeAPI": {**(given.get("kubeAPI") or {}), "hostIP": "127.0.0.1"},
        "ports": [*(given.get("ports") or ()), *_ports(spec)],
        "options": {**options, **_options(given, spec, counts)},
    }


def _own(spec: ClusterSpec) -> Mapping[str, Any]:
    return {} if spec.config is None else in_current_words(read_native(spec.config, "Simple", "k3d"), spec.config)


def needs_ipv6(spec: ClusterSpec) -> bool:
    """Whether the user's own configuration gives pods or services addresses of IPv6: then the network needs it too."""
    arguments = ((_own(spec).get("options") or {}).get("k3s") or {}).get("extraArgs") or ()
    given = (str(argument.get("arg", "")).partition("=") for argument in arguments)
    return any(name.endswith(("cluster-cidr", "service-cidr")) and ":" in value for name, _, value in given)


def own_ports(spec: ClusterSpec) -> Sequence[int]:
    """Ports of TCP of this machine that the user's own configuration asks for; ranges and `random` are k3d's matter."""
    own = _own(spec)
    given = [str(entry.get("port", "")).partition("/") for entry in own.get("ports") or ()]
    outside = [text.split(":")[-2] for text, _, protocol in given if protocol.lower() != "udp" and ":" in text]
    outside.append(str((own.get("kubeAPI") or {}).get("hostPort", "")))
    return [int(port) for port in outside if port.isdigit() and int(port)]


def _needs_load_balancer(ports: Sequence[Mapping[str, Any]]) -> bool:
    """Whether k3d leads one of these through its load balancer, as it does without `:direct`."""
    filters = (str(text) for entry in ports for text in entry.get("nodeFilters") or ("loadbalancer",))
    return any(not text.endswith(":direct") for text in filters)


def _mounts(spec: ClusterSpec) -> list[dict[str, Any]]:
    return [{"volume": f"{mount.here}:{mount.inside}{':ro' if mount.read_only else ''}"} for mount in spec.mounts]


def _gates(spec: ClusterSpec, *, has_agents: bool) -> list[dict[str, Any]]:
    """One argument per program that reads them; agents have no API server."""
    if not spec.feature_gates:
        return []
    gates = ",".join(f"{name}={str(on).lower()}" for name, on in spec.feature_gates.items())
    everywhere = ["server:*", *(["agent:*"] if has_agents else [])]
    return [
        {"arg": f"--{program}-arg=feature-gates={gates}", "nodeFilters": where}
        for program, where in (
            *((name, ["server:*"]) for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")),
            *((name, everywhere) for name in ("kubelet", "kube-proxy")),
        )
    ]


def _options(given: Mapping[str, Any], spec: ClusterSpec, counts: Mapping[str, int]) -> dict[str, Any]:
    options, has_agents = given.get("options") or {}, bool(counts["agents"])
    k3s, direct = options.get("k3s") or {}, not _needs_load_balancer(given.get("ports") or ())
    fast = spec.profile is Profile.FAST
    first = fast_arguments(servers=counts["servers"], has_agents=has_agents) if fast else ()
    arguments = [{"arg": f"--disable={addon}", "nodeFilters": ["server:*"]} for addon in _LEFT_OUT]
    arguments += _gates(spec, has_agents=has_agents)
    # One load balancer less to pull and to run: this machine reaches the only server itself.
    return {
        "k3d": {"wait": True, "disableLoadbalancer": direct, **(options.get("k3d") or {})},
        "k3s": {**k3s, "extraArgs": [*first, *(k3s.get("extraArgs") or ()), *arguments]},
        "kubeconfig": {"updateDefaultKubeconfig": False, "switchCurrentContext": False},
    }


def _ports(spec: ClusterSpec) -> list[dict[str, Any]]:
    pairs = ((spec.ports.http, HTTP_NODE_PORT), (spec.ports.https, HTTPS_NODE_PORT))
    return [{"port": f"127.0.0.1:{outside}:{inside}", "nodeFilters": ["server:0:direct"]} for outside, inside in pairs]
