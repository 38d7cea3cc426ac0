"""What a stack has on a Docker engine besides cluster and emulator, recognized by its label alone."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bootstrap.docker.labels import NEVER, WITHOUT_END, expiry, labels_of, leases, remove_labelled
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.model.labels import EXPIRES_LABEL, LEASE_LABEL
from bootstrap.model.lease import Lease
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it


class DockerLeftovers:
    """Implements `ports.Leftovers`."""

    def __init__(self, docker: StackOnDocker) -> None:
        self._docker = docker

    def lease(self, lease: Lease | None, cancel: CancelToken) -> None:
        """See `Leftovers.lease`: the network keeps the old lease for good, a volume holds the new one."""
        owned = self._docker.owned()
        if owned is None:
            return
        with self._docker.open() as client:
            network, old = self._docker.network(client), leases(client, owned)
            if network is None and not old:
                return
            label_sets = [*map(labels_of, old), *([] if network is None else [labels_of(network.attrs)])]
            expires = WITHOUT_END if lease is None else lease.expires
            if (expiry(label_sets) or WITHOUT_END) != expires:
                self._write(client, lease, cancel.clock.now())
                # The new one is there before the old one goes: killed in between, the newest counts.
                for item in old:
                    client.api.remove_volume(item["Name"], force=True)

    def remove(self, work: Work, *, keep_data: bool) -> Sequence[str]:
        """See `Leftovers.remove`."""
        owned = self._docker.owned()
        if owned is None:
            return ()
        with self._docker.open() as client:
            if keep_data and self._docker.lease is not None and not leases(client, owned):
                # The network's label goes with it; what is kept is not kept for ever.
                self._write(client, self._docker.lease, work.cancel.clock.now())
            return remove_labelled(client, owned, work, keep_data=keep_data)

    def _write(self, client: "DockerClient", lease: Lease | None, now: datetime) -> None:
        given = {LEASE_LABEL: now.isoformat(), EXPIRES_LABEL: NEVER if lease is None else lease.expires.isoformat()}
        name = f"{self._docker.name}-lease-{secrets.token_hex(4)}"
        client.api.create_volume(name, labels={**self._docker.labels(), **given})
