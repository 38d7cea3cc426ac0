"""How much of what an emulator holds no fixture declares."""

from collections.abc import Collection, Iterator, Mapping

from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.model import ResourceId
from bootstrap.seeds.services.base import Service
from bootstrap.seeds.target import Target
from bootstrap.system.clock import CancelToken


def count_undeclared(
    endpoint: EmulatorEndpoint,
    services: Mapping[str, Service],
    declared: Collection[ResourceId],
    cancel: CancelToken,
) -> int:
    """Resources of the services that fixtures can declare, and that none of these does; writes nothing."""
    target = Target(endpoint, "", cancel)
    try:
        return sum(resource not in declared for resource in _resources(target, services))
    finally:
        target.close()


def _resources(target: Target, services: Mapping[str, Service]) -> Iterator[ResourceId]:
    for service in services.values():
        for name in service.names(target):
            if not is_reserved(name):
                yield ResourceId(service.name, name)
