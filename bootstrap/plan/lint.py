"""Finds likely mistakes in files and rendered manifests before anything is created."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from bootstrap.errors import Place
from bootstrap.model.kube import Manifest, mapping_in, ref_of
from bootstrap.model.release import GitChart, LocalChart, Note, OciChart, Release, RepositoryChart, UnknownChart
from bootstrap.model.stack import Provider
from bootstrap.plan import ids
from bootstrap.plan.deprecations import Discontinued
from bootstrap.plan.desired import Desired
from bootstrap.plan.emulator import emulator_address, emulator_release
from bootstrap.plan.manifest_images import images_of

_CLASSES = {
    Provider.KWOK: frozenset({"standard"}),
    Provider.KIND: frozenset({"standard"}),
    Provider.K3D: frozenset({"local-path"}),
}
"""The storage classes that a new cluster has; nothing is known of an existing one."""
_EMULATOR_PORT = 4566
_STORES = frozenset({"ClusterSecretStore", "SecretStore"})
_ENDPOINT_VARIABLE = re.compile(r"AWS_(?:ENDPOINT_URL(?:_\w+)?|SECRETSMANAGER_ENDPOINT|SSM_ENDPOINT|STS_ENDPOINT)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """An object and the unit that creates it."""

    manifest: Manifest
    unit: str
    place: Place | None


_Check: TypeAlias = Callable[[Placed], Iterator[str]]


def lint(desired: Desired, dead: Sequence[Discontinued], units: Collection[str]) -> tuple[Note, ...]:
    """A note for every likely mistake in these units (step ids).

    Releases that are not rendered are left out.
    """
    everything = tuple(_placed(desired))
    placed = tuple(item for item in everything if item.unit in units)
    checks: tuple[_Check, ...] = (
        _load_balancer(desired),
        _secret_store(desired),
        _endpoint(desired),
        lambda item: _dead_images(item, dead),
    )
    lint_notes = [
        Note(text=f"{desired_note.unit}: {text}", place=desired_note.place)
        for desired_note in placed
        for check in checks
        for text in check(desired_note)
    ]
    lint_notes += [
        Note(text=f"release/{release.id}: {text}", place=release.place)
        for release in desired.repo.releases
        if ids.release(release.id) in units
        for text in _dead_charts(release, dead)
    ]
    return tuple(dict.fromkeys((*_storage(desired, everything, placed), *lint_notes)))


def unknown_value(release: Release, path: str, near: str | None) -> Note:
    """The note for a value that the release's chart does not read."""
    hint = f" (did you mean {near}?)" if near is not None else ""
    return Note(text=f"release/{release.id}: values.{path}: its chart does not read this{hint}", place=release.place)


def _placed(desired: Desired) -> Iterator[Placed]:
    units = desired.units
    for part in units.parts:
        for manifest in part.objects:
            yield Placed(manifest=manifest, unit=f"objects/{part.id}", place=part.place)
    for release in units.releases:
        prepared = desired.prepared.get(release.id)
        rendered = (prepared.manifests or ()) if prepared is not None else ()
        # Definitions are large, and name nothing that is looked for.
        for manifest in (manifest_ for manifest_ in rendered if manifest_.get("kind") != "CustomResourceDefinition"):
            yield Placed(manifest=manifest, unit=f"release/{release.id}", place=release.place)


def _storage(desired: Desired, everything: Sequence[Placed], placed: Sequence[Placed]) -> Iterator[Note]:
    """One note per storage class that is not there: most objects of a repository ask for the same."""
    here = _CLASSES.get(desired.stack.cluster.provider)
    if here is None:
        return
    made = {ref_of(item.manifest).name for item in everything if item.manifest.get("kind") == "StorageClass"}
    asking: dict[str, list[Placed]] = {}
    for item in placed:
        for name in dict.fromkeys(_storage_classes(item.manifest)):
            asking.setdefault(name, []).append(item)
    for name, items in asking.items():
        if name not in {*here, *made}:
            first, more = items[0], len(items) - 1
            who = f"and {more} more objects ask" if more > 1 else "and 1 more object ask" if more else "asks"
            has = f"{desired.stack.cluster.provider} has {', '.join(sorted(here))}"
            text = f"{first.unit}: {ref_of(first.manifest)} {who} for storage class {name}; {has}"
            yield Note(text=text, place=first.place)


def _storage_classes(value: Any) -> Iterator[str]:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, dict):
        name = value.get("storageClassName")
        if isinstance(name, str) and name:
            yield name
        for inner in value.values():
            yield from _storage_classes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _storage_classes(inner)


def _load_balancer(desired: Desired) -> _Check:
    def check(item: Placed) -> Iterator[str]:
        spec = mapping_in(item.manifest, "spec")
        is_match = item.manifest.get("kind") == "Service" and spec.get("type") == "LoadBalancer"
        if is_match and desired.stack.cluster.provider is Provider.KIND:
            yield f"{ref_of(item.manifest)} is a LoadBalancer, which gets no address on kind: use NodePort or ClusterIP"

    return check


def _secret_store(desired: Desired) -> _Check:
    def check(item: Placed) -> Iterator[str]:
        emulator = desired.stack.emulator
        aws = mapping_in(item.manifest, "spec", "provider", "aws")
        if item.manifest.get("kind") in _STORES and aws and emulator is not None:
            region = aws.get("region")
            if region and region != emulator.region:
                yield f"{ref_of(item.manifest)} reads region {region}, but seeds are in {emulator.region}"

    return check


def _endpoint(desired: Desired) -> _Check:
    namespace, name = emulator_address(emulator_release(desired.stack, desired.repo.releases))
    hosts = {f"{name}.{namespace}{suffix}" for suffix in ("", ".svc", ".svc.cluster.local")}

    def check(item: Placed) -> Iterator[str]:
        if desired.stack.emulator is None:
            return
        for variable, value in _variables(item.manifest):
            if not _ENDPOINT_VARIABLE.fullmatch(variable) or "://" not in value:
                continue
            address = urlsplit(value)
            if address.hostname not in hosts or address.port != _EMULATOR_PORT:
                yield (
                    f"{ref_of(item.manifest)} sets {variable} to {value}; "
                    f"the emulator is http://{name}.{namespace}.svc:{_EMULATOR_PORT}"
                )

    return check


def _variables(value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - a manifest's inside
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and isinstance(value.get("value"), str):
            yield value["name"], value["value"]
        for inner in value.values():
            yield from _variables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _variables(inner)


def _dead_images(item: Placed, dead: Sequence[Discontinued]) -> Iterator[str]:
    for image in images_of(item.manifest):
        for thing in dead:
            if thing.image is not None and thing.image.fullmatch(image):
                yield f"{image}: {thing.says}; instead: {thing.instead}"


def _dead_charts(release: Release, dead: Sequence[Discontinued]) -> Iterator[str]:
    source = _source(release)
    for thing in dead:
        if thing.chart is not None and thing.chart.fullmatch(source):
            yield f"chart {source}: {thing.says}; instead: {thing.instead}"


def _source(release: Release) -> str:
    match release.chart:
        case RepositoryChart(url=url, name=name):
            return f"{url.rstrip('/')}/{name}"
        case OciChart(url=url):
            return url
        case GitChart(url=url, path=path):
            return f"{url}/{path}"
        case LocalChart(path=path):
            return str(path)
        case UnknownChart():
            return ""
