"""Digests of what is in a platform, through the adapters that can ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import SystemProcesses


@dataclass(frozen=True, slots=True)
class PlatformDigests:
    """Implements `ports.Digests`."""

    processes: SystemProcesses

    def objects(self, kube: KubeContext, cancel: CancelToken) -> Mapping[str, str]:
        """See `Digests.objects`."""
        from bootstrap.kube.identity import Clusters  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.kube.object_digests import object_digests  # noqa: PLC0415

        return object_digests(Clusters(self.processes).proven(kube, cancel), cancel)

    def resources(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> Mapping[str, str]:
        """See `Digests.resources`."""
        from bootstrap.seeds.export import digests  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.seeds.services.registry import all_services  # noqa: PLC0415

        return digests(endpoint, all_services(), cancel)
