"""Finds the namespaces that a repository takes for granted: nothing that it holds makes them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bootstrap.errors import Place
from bootstrap.model.kube import ref_of
from bootstrap.model.release import Note
from bootstrap.model.stack import Provider
from bootstrap.plan import ids
from bootstrap.plan.desired import Desired
from bootstrap.yamltext.positions import nearest

_ALWAYS = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "bootstrap-system"})
_OF_PROVIDER = {Provider.KIND: frozenset({"local-path-storage"})}


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingNamespace:
    """A namespace that something goes into and nothing makes."""

    name: str
    user: str
    """The first step that needs it."""
    place: Place | None
    near: str | None
    """The nearest name of a namespace that is made."""

    def note(self) -> Note:
        """It as a prominent warning."""
        hint = f" (did you mean {self.near}?)" if self.near is not None else ""
        or_so = ", or set install.createNamespace: true" if self.user.startswith("release/") else ""
        text = (
            f"{self.user} goes into namespace {self.name}, which nothing in the repository makes{hint}: declare it"
            f"{or_so} (kubectl create namespace {self.name} --dry-run=client -o yaml prints it)"
        )
        return Note(text=text, place=self.place, loud=True)


def missing_namespaces(desired: Desired) -> tuple[MissingNamespace, ...]:
    """Each once; those of a new cluster, and those that a release or an object makes, are not among them."""
    made = _made(desired)
    missing: dict[str, MissingNamespace] = {}
    for name, user, place in _used(desired):
        if name not in made and name not in missing:
            near = nearest(name, made - _ALWAYS)
            missing[name] = MissingNamespace(name=name, user=user, place=place, near=near)
    return tuple(missing.values())


def _made(desired: Desired) -> frozenset[str]:
    units = desired.units
    manifests = (manifest for part in units.parts for manifest in part.objects)
    rendered = (manifest for each in desired.prepared.values() for manifest in each.manifests or ())
    declared = (
        ref_of(manifest).name for group in (manifests, rendered) for manifest in group if _is_namespace(manifest)
    )
    by_release = (release.target_namespace for release in units.releases if release.create_namespace)
    of_provider = _OF_PROVIDER.get(desired.stack.cluster.provider, frozenset())
    return frozenset({*_ALWAYS, *of_provider, *declared, *by_release})


def _used(desired: Desired) -> Iterator[tuple[str, str, Place | None]]:
    """(namespace, step, place) of all that goes into one."""
    units = desired.units
    for part in units.parts:
        for namespace in _namespaces_of(part.objects):
            yield namespace, ids.objects(part.id), part.place
    for release in units.releases:
        yield release.target_namespace, ids.release(release.id), release.place
        prepared = desired.prepared.get(release.id)
        for namespace in _namespaces_of(() if prepared is None else prepared.manifests or ()):
            yield namespace, ids.release(release.id), release.place


def _namespaces_of(manifests: Collection[Mapping[str, object]]) -> Iterator[str]:
    names = (ref_of(manifest).namespace for manifest in manifests)
    yield from dict.fromkeys(name for name in names if name)


def _is_namespace(manifest: Mapping[str, object]) -> bool:
    return (manifest.get("apiVersion"), manifest.get("kind")) == ("v1", "Namespace")
