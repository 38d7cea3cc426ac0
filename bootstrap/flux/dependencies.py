"""The dependencies that a repository declares; pure."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from bootstrap.errors import Place
from bootstrap.model.release import FluxRepo, Kustomization

_SHORTENED = 20
"""Units of the longest cycle that is shortened before it is reported: each attempt reads all of it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """`unit` may not begin before `needs` is done; both are `objects/NS/NAME` or `release/NS/NAME`."""

    unit: str
    needs: str
    reason: str
    strict: bool = True
    """Whether Flux itself would wait. The others are only an order, and are dropped if they contradict a strict one."""
    place: Place | None = None

    def __str__(self) -> str:
        """`unit needs other (reason)`."""
        return f"{self.unit} needs {self.needs} ({self.reason})"


def dependencies(repo: FluxRepo) -> tuple[Dependency, ...]:
    """Every dependency that dependsOn and nesting make, without repetition, in listed order.

    What depends on a Kustomization waits for its plain objects and, where Flux does not (no spec.wait, no health
    check on it), as well for its releases and all that its children bring, unless it is one of them. What a
    Kustomization holds waits for its plain objects. A name that is nowhere makes no dependency.
    """
    everything = (*_between(repo), *_nested(repo), *_of_releases(repo))
    return tuple(
        {
            (dependency.unit, dependency.needs): dependency
            for dependency in sorted(everything, key=lambda dependency: dependency.strict)
        }.values()
    )


def find_cycle(among: Iterable[Dependency]) -> tuple[Dependency, ...]:
    """The dependencies of one cycle, each needed unit being the next one's unit; empty when there is none."""
    by_edge = {(dependency.unit, dependency.needs): dependency for dependency in among}
    cycle = _cycle(by_edge)
    for unit in cycle if len(cycle) <= _SHORTENED else ():
        # A chord makes it shorter, so that the report names only needed units.
        within = set(cycle) - {unit}
        shorter = _cycle([edge for edge in by_edge if within.issuperset(edge)])
        cycle = shorter or cycle
    first = cycle.index(min(cycle)) if cycle else 0
    return tuple(by_edge[edge] for edge in pairwise((*cycle[first:], *cycle[:first], *cycle[first : first + 1])))


def _cycle(edges: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The units of one cycle, each needing the next one; empty when there is none."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for unit, needs in edges:
        sorter.add(unit, needs)
    try:
        sorter.prepare()
    except CycleError as error:
        # `args[1]`: each is needed by the next one, and the first is the last one too (docs.python.org, graphlib).
        return tuple(reversed(error.args[1][1:]))
    return ()


class _Tree:
    """The Kustomizations by parentage, and the units they stand for."""

    def __init__(self, repo: FluxRepo) -> None:
        self._by_id = {kustomization.id: kustomization for kustomization in repo.kustomizations}
        self._releases = {release for kustomization in repo.kustomizations for release in kustomization.releases}
        self._children: dict[str | None, list[str]] = {}
        for part in repo.kustomizations:
            self._children.setdefault(part.parent, []).append(part.id)

    def inside(self, name: str) -> tuple[str, ...]:
        """All units of it and of its children; none when it is not there."""
        kustomization = self._by_id.get(name)
        if kustomization is None:
            return ()
        return (*_own(kustomization), *(unit for child in self._children.get(name, ()) for unit in self.inside(child)))

    def until_ready(self, name: str) -> tuple[str, ...]:
        """The units that Flux sees done before it calls the Kustomization ready."""
        names: dict[str, None] = {}
        waiting = [name] if name in self._by_id else []
        while waiting:
            kustomization = self._by_id[waiting.pop(0)]
            if f"objects/{kustomization.id}" in names:
                continue
            names |= dict.fromkeys((f"objects/{kustomization.id}", *self._releases_observed(kustomization)))
            waiting += (
                self._children.get(kustomization.id, ())
                if kustomization.wait
                else _checked(kustomization, "Kustomization", self._by_id)
            )
        return tuple(names)

    def _releases_observed(self, kustomization: Kustomization) -> tuple[str, ...]:
        seen = kustomization.releases if kustomization.wait else _checked(kustomization, "HelmRelease", self._releases)
        return tuple(f"release/{release}" for release in seen)


def _checked(kustomization: Kustomization, kind: str, existing: Container[str]) -> tuple[str, ...]:
    named = (f"{check.namespace}/{check.name}" for check in kustomization.health_checks if check.kind == kind)
    return tuple(name for name in named if name in existing)


def _own(kustomization: Kustomization) -> tuple[str, ...]:
    return (f"objects/{kustomization.id}", *(f"release/{release}" for release in kustomization.releases))


def _between(repo: FluxRepo) -> Iterable[Dependency]:
    tree = _Tree(repo)
    for kustomization in repo.kustomizations:
        units = tree.inside(kustomization.id)
        for need in kustomization.depends_on:
            if kustomization.parent is None and f"objects/{need}" in units:
                continue  # whoever brings the entry brings what it holds too: it is there before Flux waits
            reason = f"Kustomization {kustomization.id} dependsOn {need}"
            strict = tree.until_ready(need)
            loose = [other for other in tree.inside(need) if other not in strict and other not in units]
            for unit in units:
                for other in strict:
                    yield Dependency(unit=unit, needs=other, reason=reason, place=kustomization.place)
                for other in () if f"objects/{kustomization.id}" in tree.inside(need) else loose:
                    yield Dependency(unit=unit, needs=other, reason=reason, place=kustomization.place, strict=False)


def _nested(repo: FluxRepo) -> Iterable[Dependency]:
    for kustomization in repo.kustomizations:
        objects = f"objects/{kustomization.id}"
        if kustomization.parent is not None:
            reason = f"Kustomization {kustomization.id} is in {kustomization.parent}"
            yield Dependency(
                unit=objects, needs=f"objects/{kustomization.parent}", reason=reason, place=kustomization.place
            )
        for release in kustomization.releases:
            reason = f"HelmRelease {release} is in Kustomization {kustomization.id}"
            yield Dependency(unit=f"release/{release}", needs=objects, reason=reason, place=kustomization.place)


def _of_releases(repo: FluxRepo) -> Iterable[Dependency]:
    release_ids = {release.id for release in repo.releases}
    for helm_release in repo.releases:
        for need in helm_release.depends_on:
            if need in release_ids:
                reason = f"HelmRelease {helm_release.id} dependsOn {need}"
                yield Dependency(
                    unit=f"release/{helm_release.id}", needs=f"release/{need}", reason=reason, place=helm_release.place
                )
