"""Finds what makes a platform wait by its own configuration: probes that are asked late or seldom; pure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from bootstrap.model.kube import Manifest, mapping_in, mappings_in, ref_of
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Note
from bootstrap.plan import ids
from bootstrap.plan.desired import Desired
from bootstrap.plan.pods import pod_spec

ValuePaths: TypeAlias = Callable[[PreparedRelease, str, object], Sequence[str]]
"""(release, key, value) → paths of the values, the chart's own among them, that hold this value under this key."""

_LATE_SECONDS, _SELDOM_SECONDS = 5, 10
"""A first look after so long, or looks further apart, are named; 10 s is Kubernetes' own period."""
_PROBES = ("startupProbe", "readinessProbe")
_SHOWN = 3


def slow_probes(desired: Desired, units: Collection[str], value_paths: ValuePaths) -> tuple[Note, ...]:
    """A note for each probe in these units (step ids) that holds up `up`, with the values that may set it."""
    return (*_of_parts(desired, units), *_of_releases(desired, units, value_paths))


def _of_parts(desired: Desired, units: Collection[str]) -> Iterator[Note]:
    for part in desired.units.parts:
        if ids.objects(part.id) in units:
            for manifest in part.objects:
                for text, _, _ in _slow(manifest):
                    yield Note(text=f"objects/{part.id}: {text}", place=part.place, expected=True)


def _of_releases(desired: Desired, units: Collection[str], value_paths: ValuePaths) -> Iterator[Note]:
    for release in desired.units.releases:
        prepared = desired.prepared.get(release.id)
        if prepared is None or ids.release(release.id) not in units:
            continue
        for manifest in prepared.manifests or ():
            for text, key, seconds in _slow(manifest):
                where = _where(value_paths(prepared, key, seconds))
                yield Note(text=f"release/{release.id}: {text}{where}", place=release.place, expected=True)


def _where(paths: Sequence[str]) -> str:
    if not paths:
        return "; its chart's templates set it"
    more = f" or {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"; set by {' or '.join(f'values.{path}' for path in paths[:_SHOWN])}{more}"


def _slow(manifest: Manifest) -> Iterator[tuple[str, str, int]]:
    """The text, the key and the seconds of each probe of its pods that is asked late or seldom."""
    spec = pod_spec(manifest)
    for container in mappings_in(spec, "containers") if spec is not None else ():
        for name in _PROBES:
            where = f"{ref_of(manifest)}, container {container.get('name')}, {name}"
            yield from _of_probe(mapping_in(container, name), where)


def _of_probe(probe: Mapping[str, object], where: str) -> Iterator[tuple[str, str, int]]:
    delay, period = (_seconds(probe, key) for key in ("initialDelaySeconds", "periodSeconds"))
    if delay >= _LATE_SECONDS:
        text = f"{where}: initialDelaySeconds {delay}: it is not ready before, however fast it starts"
        yield text, "initialDelaySeconds", delay
    if period > _SELDOM_SECONDS:
        text = f"{where}: periodSeconds {period}: if it is not ready at one look, the next is {period} s later"
        yield text, "periodSeconds", period


def _seconds(probe: Mapping[str, object], key: str) -> int:
    value = probe.get(key)
    return value if isinstance(value, int) else 0
