"""Counts what a replacement would lose, through the adapters that can ask for it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bootstrap.model.count import counted
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.ports import Losses
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import SystemProcesses

if TYPE_CHECKING:
    from bootstrap.seeds.seeding import Seeding


def losses_of(owner: str, processes: SystemProcesses, seeds: "Callable[[], Seeding | None]") -> Losses:
    """Of the stack `owner`, whose fixtures are these."""

    def in_cluster(kube: KubeContext, releases: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        from bootstrap.kube.identity import Clusters  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.kube.losses import cluster_losses  # noqa: PLC0415

        return cluster_losses(Clusters(processes).proven(kube, cancel), owner, releases, cancel)

    def in_emulator(endpoint: EmulatorEndpoint, cancel: CancelToken) -> Sequence[str]:
        from bootstrap.seeds.services.registry import all_services  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.seeds.undeclared_resources import count_undeclared  # noqa: PLC0415

        seeding = seeds()
        declared = () if seeding is None else tuple(seeding.fixtures().by_id)
        count = count_undeclared(endpoint, all_services(), declared, cancel)
        return (f"{counted(count, 'AWS resource')} that no fixture declares",) if count else ()

    return Losses(in_cluster=in_cluster, in_emulator=in_emulator)
