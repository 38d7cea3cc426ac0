"""Makes networks on the engine, and reports what stands in the way."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bootstrap.errors import RefusedError
from bootstrap.model.labels import OWNER_LABEL

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.networks import Network

_NO_ROOM = ("non-overlapping IPv4 address pool", "fully subnetted", "no available network")
"""What engines say when every range that they may take is in use."""
_BUILT_IN = frozenset({"bridge", "host", "none"})


def create_network(client: "DockerClient", name: str, labels: Mapping[str, str], *, ipv6: bool) -> "Network":
    """A bridge network of its own; with `ipv6` it has addresses of both families.

    Raises:
        RefusedError: the engine has no range of addresses left; names the unused networks.
        docker.errors.APIError: the engine refuses.
    """
    from docker.errors import APIError  # noqa: PLC0415 - loads slowly
    from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415

    # Only engines of version 27 and later choose a range of IPv6 themselves.
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=ipv6_range(name))]) if ipv6 else None
    try:
        return client.networks.create(name, driver="bridge", labels=dict(labels), enable_ipv6=ipv6, ipam=ipam)
    except APIError as error:
        reason = str(error.explanation or error)
        if not any(text in reason for text in _NO_ROOM):
            raise
        raise _no_room(reason, _unused(client)) from error


def ipv6_range(name: str) -> str:
    """A local range that is this name's alone, as far as chance goes."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return f"fd{digits[:2]}:{digits[2:6]}:{digits[6:10]}:{digits[10:14]}::/64"


def refuse_without_ipv6(network: "Network") -> None:
    """Return when the network has addresses of IPv6.

    Raises:
        RefusedError: it has none, and cannot be changed.
    """
    if not network.attrs.get("EnableIPv6"):
        raise RefusedError(
            f"the Docker network {network.name} has no IPv6, which the cluster's configuration asks for",
            fix="recreate it: bootstrap down, then bootstrap up",
        )


def _no_room(reason: str, unused: Sequence[str]) -> RefusedError:
    removal = f"docker network rm {' '.join(unused)}" if unused else "bootstrap down for a stack that nobody needs"
    return RefusedError(
        "the Docker engine has no address range left for another network",
        evidence=[reason, *(f"nothing uses the network {name}" for name in unused)],
        fix=f"{removal}; or add address ranges: default-address-pools in its daemon.json",
    )


def _unused(client: "DockerClient") -> Sequence[str]:
    """Networks that no container is on, and that no stack of ours has."""
    names = []
    for network in client.networks.list():
        network.reload()
        is_ours = OWNER_LABEL in (network.attrs.get("Labels") or {})
        if network.name not in _BUILT_IN and not is_ours and not network.attrs.get("Containers"):
            names.append(str(network.name))
    return names
