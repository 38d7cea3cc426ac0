"""What an emulator holds in other regions than the one that is exported: named, since no fixture carries it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bootstrap.seeds.applied_state import Marker
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.model import ResourceId
from bootstrap.seeds.services.base import Service
from bootstrap.seeds.target import AwsError, Target

_EVERYWHERE = frozenset({"s3"})
"""Services whose listing is of all regions."""
_WORKERS = 8
_SHOWN = 5


def elsewhere(target: Target, services: Mapping[str, Service]) -> Iterator[str]:
    """A line for each service that has something in another region; and that other accounts were not asked.

    No emulator lists the accounts that it has: whoever signs with another one's id creates it.
    """
    for service, region, shown in in_other_regions(target, services):
        yield f"{service} in region {region} is not exported: {shown} (this export is of {target.region})"
    yield f"other accounts than {target.account} are not exported"


def in_other_regions(target: Target, services: Mapping[str, Service]) -> Iterator[tuple[str, str, str]]:
    """Service, region, and the first names of what that service has there, as text."""
    regional = [service for name, service in sorted(services.items()) if name not in _EVERYWHERE]
    others = [region for region in regions() if region != target.region]
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="regions") as pool:
        listings = list(pool.map(lambda region: names_in(target, region, regional), others))
    for region, names_by_service in zip(others, listings, strict=True):
        for service, names in names_by_service.items():
            yield service, region, ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def left_behind(target: Target, services: Mapping[str, Service], marker: Marker) -> Iterator[str]:
    """What we put into the region that the emulator had before, and that is still there."""
    regional = [service for name, service in services.items() if name not in _EVERYWHERE and target.has(name)]
    for region in marker.other_regions:
        ours = [
            str(resource)
            for service, names in names_in(target, region, regional).items()
            for resource in (ResourceId(service, name) for name in names)
            if marker.owns(resource)
        ]
        if ours:
            shown = ", ".join(ours[:_SHOWN]) + (", …" if len(ours) > _SHOWN else "")
            yield (
                f"{shown}: still in region {region}, which the emulator had before "
                f"(remove it with: bootstrap seed reset; or with prune and emulator.region: {region})"
            )


def names_in(target: Target, region: str, services: Sequence[Service]) -> dict[str, list[str]]:
    """By service, what is in this region of the same emulator; empty for a region that the emulator does not have."""
    there = Target(replace(target.endpoint, region=region), target.owner, target.cancel)
    try:
        listed = {
            service.name: sorted(name for name in service.names(there) if not is_reserved(name)) for service in services
        }
    except AwsError:
        return {}
    finally:
        there.close()
    return {name: names for name, names in listed.items() if names}


def regions() -> list[str]:
    """AWS's commercial regions, as botocore knows them."""
    from botocore.loaders import Loader  # noqa: PLC0415 - loaded only when something is exported

    partition = Loader().load_data("endpoints")["partitions"][0]
    return sorted(partition["regions"])
