"""Finds the release that the emulator is or replaces, and the name by which pods reach the emulator."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.kube import Manifest
from bootstrap.model.release import (
    GitChart,
    Kustomization,
    LocalChart,
    Note,
    OciChart,
    Release,
    RepositoryChart,
    UnknownChart,
)
from bootstrap.model.stack import Placement, Stack

EMULATOR_PART = "bootstrap-system/emulator"
"""The Kustomization, ours, that holds the Service by which pods reach an emulator outside the cluster."""
EMULATOR_CHART = "localstack"
EMULATOR_PORT = 4566


def is_in_cluster(stack: Stack) -> bool:
    """Whether the stack's emulator is one of its releases."""
    return stack.emulator is not None and stack.emulator.placement is Placement.CHART


def emulator_release(stack: Stack, releases: Sequence[Release], paused: Collection[str] = ()) -> Release | None:
    """The release named in the stack, else the only one whose chart is `localstack`; `paused`: what is suspended.

    Raises:
        InvalidError: a name matches none, or several; or the emulator must be a release, and none is installed.
    """
    if stack.emulator is None:
        return None
    named = stack.emulator.release
    automatic = named == "auto"
    matching = [
        release
        for release in releases
        if (chart_name(release) == EMULATOR_CHART if automatic else named in {release.id, release.name})
    ]
    wrong = _fault(named, matching, paused)
    if wrong and (is_in_cluster(stack) or not (automatic or len(matching) == 1)):
        place = Place(file=stack.name if stack.file is None else str(stack.file), path="emulator.release")
        names = ", ".join(release.id for release in releases) or "none"
        raise InvalidError(
            [Problem(place=place, text=wrong)], fix=f"write NAMESPACE/NAME of a HelmRelease; there are: {names}"
        )
    return matching[0] if len(matching) == 1 else None


def _fault(named: str, candidates: Sequence[Release], paused: Collection[str]) -> str:
    """Why the release cannot be the emulator; empty if it can."""
    if not candidates:
        chart = f"no HelmRelease has a chart named {EMULATOR_CHART}"
        return chart if named == "auto" else f"there is no HelmRelease {named}"
    if len(candidates) > 1:
        return f"{named} could be {' or '.join(release.id for release in candidates)}"
    resting = candidates[0].suspended or candidates[0].owner in paused
    return f"{candidates[0].id} is suspended, so it is not installed" if resting else ""


def chart_name(release: Release) -> str:
    """The name of the release's chart, from its source."""
    match release.chart:
        case RepositoryChart(name=name):
            return name
        case OciChart(url=url):
            return url.rstrip("/").rpartition("/")[2]
        case GitChart(path=path):
            return path.rstrip("/").rpartition("/")[2]
        case LocalChart(path=folder):
            return folder.name
        case UnknownChart():
            return ""


def emulator_address(replaced: Release | None) -> tuple[str, str]:
    """Namespace and name of the Service that the LocalStack chart makes; `localstack/localstack` without one.

    The name is the chart's own rule: fullnameOverride, else the release's name when it holds the chart's name,
    else both.
    """
    if replaced is None:
        return "localstack", "localstack"
    override = replaced.values.get("fullnameOverride")
    name = str(replaced.values.get("nameOverride") or "localstack")
    full = f"{replaced.release_name}-{name}"
    full = replaced.release_name if name in replaced.release_name else full
    return replaced.target_namespace, str(override or full)[:63]


def emulator_part(stack: Stack, replaced: Release | None) -> Kustomization:
    """The objects that give an emulator outside the cluster its in-cluster name, also if pods cannot reach it."""
    namespace, name = emulator_address(replaced)
    metadata = {"name": name, "namespace": namespace}
    edge: dict[str, object] = {"name": "edge", "port": EMULATOR_PORT, "protocol": "TCP"}
    spec: dict[str, object] = {"ports": [{**edge, "targetPort": EMULATOR_PORT}]}
    host, port = _outside(stack)
    slices: list[Manifest] = []
    if host and not _is_number(host):
        spec = {"type": "ExternalName", "externalName": host, **spec}
    elif host:
        slices = [_endpoint_slice(metadata, host, {**edge, "port": port})]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    owner, _, part = EMULATOR_PART.partition("/")
    return Kustomization(namespace=owner, name=part, objects=(home, service, *slices))


def out_of_reach(stack: Stack) -> Iterator[Note]:
    """A note if running pods cannot reach the declared endpoint by the in-cluster name."""
    if stack.emulator is None or stack.emulator.endpoint is None or stack.cluster.provider.simulates_pods:
        return
    host, port = _outside(stack)
    if not host:
        yield Note(text=f"pods cannot reach {stack.emulator.endpoint}: that address is local to this machine")
    elif port != EMULATOR_PORT and not _is_number(host):
        yield Note(text=f"pods find {host} at port {EMULATOR_PORT}, not {port}: a name has no port; write its number")


def _outside(stack: Stack) -> tuple[str, int]:
    """Host and port where pods find an emulator that is not in the cluster; an empty host where they find none."""
    if stack.emulator is not None and stack.emulator.endpoint is not None:
        parts = urlsplit(stack.emulator.endpoint)
        host = parts.hostname or ""
        own = host == "localhost" or host.endswith(".localhost") or (_is_number(host) and ip_address(host).is_loopback)
        return "" if own else host, parts.port or 80
    if stack.cluster.provider.on_docker:
        # A name on the stack's own network: nothing in it goes stale when addresses change.
        return f"bootstrap-{stack.name}-emulator", EMULATOR_PORT
    return "", EMULATOR_PORT


def _endpoint_slice(service: Mapping[str, str], address: str, port: Mapping[str, object]) -> Manifest:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**service, "labels": {"kubernetes.io/service-name": service["name"]}},
        "addressType": f"IPv{ip_address(address).version}",
        "endpoints": [{"addresses": [address]}],
        "ports": [port],
    }


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
