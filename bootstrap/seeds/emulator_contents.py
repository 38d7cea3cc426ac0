"""Everything that an emulator holds of the services that fixtures can declare: listed, and deleted one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bootstrap.model.count import counted
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.model import Observed, ResourceId
from bootstrap.seeds.services.base import Look, Service
from bootstrap.seeds.target import AwsError, Target

Covers = Callable[[ResourceId], bool]


def enabled(target: Target, services: Mapping[str, Service], covers: Callable[[str], bool]) -> Mapping[str, Service]:
    """The services that are asked about and switched on."""
    return {name: service for name, service in services.items() if covers(name) and target.has(name)}


def contents(
    target: Target, services: Mapping[str, Service], covers: Covers, *, ours: bool = False
) -> list[ResourceId]:
    """Every resource, whoever made it, in the order of the services; our own notes only where `ours` asks for them."""
    listings = target.each(lambda service: sorted(service.names(target)), services.values())
    return [
        resource
        for service, names in zip(services, listings, strict=True)
        for resource in (ResourceId(service, name) for name in names)
        if covers(resource) and (ours or not is_reserved(resource.name))
    ]


def delete_all(
    target: Target, services: Mapping[str, Service], resources: Iterable[ResourceId], notify: Callable[[str], None]
) -> list[str]:
    """Delete them: users before what they use, which is the reverse of the order of the services.

    What the emulator does not delete is given back, each with the reason; everything else goes all the same.
    """
    left: list[str] = []
    by_service: dict[str, list[str]] = {}
    for resource in resources:
        by_service.setdefault(resource.service, []).append(resource.name)
    for name in reversed(list(services)):
        if by_service.get(name):
            notify(f"deleting {counted(len(by_service[name]), 'resource')} of {name}")
            left.extend(_delete(target, services[name], by_service[name]))
    return left


def _delete(target: Target, service: Service, names: Sequence[str]) -> Iterator[str]:
    looks = [Look(name=name) for name in names]
    observed: Mapping[str, Observed] = service.observe(target, looks)
    for name in names:
        try:
            if name in observed:
                service.delete(target, observed[name])
        except AwsError as error:
            yield f"{service.name}/{name}: {error.what}"
