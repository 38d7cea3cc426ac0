"""The ownership labels on a Docker engine: what carries one, its expiry, and its removal."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from bootstrap.docker.removal import remove_patiently
from bootstrap.errors import StepFailedError
from bootstrap.model.labels import EXPIRES_LABEL, LEASE_LABEL, OWNER_LABEL, STACK_LABEL
from bootstrap.model.lease import LabelledStack
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it

NEVER = "never"
WITHOUT_END = datetime.max.replace(tzinfo=UTC)
"""What a lease of NEVER comes to."""
LONGEST = 49
"""With `-control-plane` a label of the domain name system: 63."""
LONGEST_K3D = 32
_DIGEST = 10
_PATIENCE_SECONDS = 60.0

_Described = Mapping[str, Any]


def engine_name(identity: str, limit: int = LONGEST) -> str:
    """`bootstrap-STACK-PROJECT` in so many characters; what is cut off stays in it as a digest."""
    whole = f"bootstrap-{identity}"
    if len(whole) <= limit:
        return whole
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST]
    return f"{whole[: limit - _DIGEST - 1].rstrip('-')}-{digest}"


def labelled_stacks(client: "DockerClient") -> tuple[LabelledStack, ...]:
    """Every stack that has something with an ownership label on the engine."""
    listed = [*_networks(client, OWNER_LABEL), *_volumes(client, OWNER_LABEL), *_containers(client, OWNER_LABEL)]
    by_owner: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for labels in map(labels_of, listed):
        by_owner.setdefault((labels.get(STACK_LABEL, ""), labels[OWNER_LABEL]), []).append(labels)
    labels_read = (
        LabelledStack(stack=stack, owner=owner, expires=expiry(label_sets))
        for (stack, owner), label_sets in by_owner.items()
    )
    return tuple(sorted((owned for owned in labels_read if owned.stack), key=lambda owned: (owned.stack, owned.owner)))


def expiry(labels: Iterable[Mapping[str, str]]) -> datetime | None:
    """The expiry of what carries these: from the newest lease, else from the network; None: there is none."""
    given = {label.get(LEASE_LABEL, ""): label[EXPIRES_LABEL] for label in labels if EXPIRES_LABEL in label}
    if not given:
        return None
    newest = given[max(given)]
    try:
        expiry_time = WITHOUT_END if newest == NEVER else datetime.fromisoformat(newest)
    except ValueError:
        # What no version of ours wrote proves nothing.
        return None
    return expiry_time if expiry_time.tzinfo is not None else None


def leases(client: "DockerClient", owned: LabelledStack) -> Sequence[_Described]:
    """The volumes that are leases of this stack."""
    return [volume for volume in _volumes(client, f"{OWNER_LABEL}={owned.owner}") if LEASE_LABEL in labels_of(volume)]


def remove_labelled(
    client: "DockerClient", owned: LabelledStack, work: Work, *, keep_data: bool = False
) -> tuple[str, ...]:
    """Remove what carries the label, network and leases last; `keep_data` leaves volumes, and with them their lease.

    What others put on the stack's network stays, and so does the network then.

    Raises:
        StepFailedError: others are on its network, or something does not go.
    """
    going = _Going(client, work.cancel.within(_PATIENCE_SECONDS, f"removing what carries the label of {owned.stack}"))
    networks = _networks(client, f"{OWNER_LABEL}={owned.owner}")
    names = frozenset(str(docker_network["Name"]) for docker_network in networks)
    for container in going.containers(owned, names):
        work.notify(f"removing {container}")
    volumes = [] if keep_data else _data(client, owned, proven=bool(names))
    for name in volumes:
        work.notify(f"removing the volume {name}")
        going.remove(partial(client.api.remove_volume, name, force=True))
    for network in networks:
        _refuse_others(client, network, owned)
        work.notify(f"removing the network {network['Name']}")
        going.remove(partial(client.api.remove_network, network["Id"]))
    for lease in () if keep_data else leases(client, owned):
        going.remove(partial(client.api.remove_volume, lease["Name"], force=True))
    return (*going.removed, *volumes, *sorted(names))


class _Going:
    """Removals, each done when the thing is gone, whoever removes it."""

    def __init__(self, client: "DockerClient", cancel: CancelToken) -> None:
        self._client = client
        self._cancel = cancel
        self.removed: list[str] = []

    def containers(self, owned: LabelledStack, networks: frozenset[str]) -> Iterable[str]:
        """Remove them, and what comes while they go; the name of each before it goes."""
        while remaining := [
            container for container in _containers(self._client) if is_labelled(container, owned, networks)
        ]:
            for item in remaining:
                name = str(item["Names"][0]).removeprefix("/") if item.get("Names") else str(item["Id"])
                if name not in self.removed:
                    self.removed.append(name)
                    yield name
                self.remove(partial(self._client.api.remove_container, item["Id"], v=True, force=True))
            self._cancel.check()

    def remove(self, act: Callable[[], object]) -> None:
        remove_patiently(act, self._cancel)


def is_labelled(container: _Described, owned: LabelledStack, networks: frozenset[str]) -> bool:
    """Whether the container is this stack's: by its own label, or as a part of its cluster on its labelled network."""
    labels = labels_of(container)
    if OWNER_LABEL in labels:
        return labels[OWNER_LABEL] == owned.owner
    joined = {*container["NetworkSettings"]["Networks"], container["HostConfig"]["NetworkMode"]}
    if not networks & joined:
        return False
    name = engine_name(owned.stack)
    lambdas = any(
        str(container_name).startswith((f"/{name}-emulator-lambda-", f"/{name}-bake"))
        for container_name in container.get("Names") or ()
    )
    return lambdas or any(labels.get(label) == value for label, value in _cluster_labels(owned).items())


def labels_of(described: _Described) -> Mapping[str, str]:
    """The labels of what the engine reports."""
    return described.get("Labels") or {}


def _cluster_labels(owned: LabelledStack) -> Mapping[str, str]:
    """The labels that kind and k3d put on the containers of this stack's cluster."""
    return {
        "io.x-k8s.kind.cluster": engine_name(owned.stack),
        "k3d.cluster": engine_name(owned.stack, LONGEST_K3D),
    }


def _data(client: "DockerClient", owned: LabelledStack, *, proven: bool) -> list[str]:
    """Volumes of the stack that are not leases; those of its cluster too, if its network is there to prove it."""
    volumes = [
        volume for volume in _volumes(client, f"{OWNER_LABEL}={owned.owner}") if LEASE_LABEL not in labels_of(volume)
    ]
    for label, value in _cluster_labels(owned).items() if proven else ():
        volumes += _volumes(client, f"{label}={value}")
    return sorted({str(volume["Name"]) for volume in volumes})


def _refuse_others(client: "DockerClient", network: _Described, owned: LabelledStack) -> None:
    """Raise where somebody's container is on the network: it would lose it."""
    from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

    try:
        joined = client.api.inspect_network(network["Id"]).get("Containers") or {}
    except NotFound:
        return  # another run that collects expired stacks has just removed it
    others = sorted(str(container.get("Name")) for container in joined.values())
    if others:
        disconnect = " && ".join(f"docker network disconnect -f {network['Name']} {name}" for name in others)
        raise StepFailedError(
            f"{', '.join(others)} is on the network of {owned.stack}, but does not belong to it",
            fix=f"{disconnect}; then run the same command again",
        )


def _containers(client: "DockerClient", label: str | None = None) -> list[_Described]:
    return list(client.api.containers(all=True, filters={"label": label} if label else None))


def _networks(client: "DockerClient", label: str) -> list[_Described]:
    return list(client.api.networks(filters={"label": label}))


def _volumes(client: "DockerClient", label: str) -> list[_Described]:
    return list(client.api.volumes(filters={"label": label}).get("Volumes") or ())
