"""The edges that the shape of a stack and its repository's own words ask for."""

from collections.abc import Iterable, Iterator, Mapping

from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo, Note
from bootstrap.model.stack import Stack
from bootstrap.model.step import Edge, EdgeKind, StepId
from bootstrap.plan import ids
from bootstrap.plan.units import EMULATOR_PART, Units, members


def structure(stack: Stack, units: Units, steps: Iterable[StepId]) -> Iterator[Edge]:
    """What follows from what the steps are: in the cluster, of a chart, in the emulator."""
    known = frozenset(steps)
    for step in known:
        if step.split("/")[0] in {"crds", "release", "objects"}:
            yield _edge(step, ids.CLUSTER, "it is in the cluster")
    for one in units.releases:
        release, crds, pull = ids.release(one.id), ids.crds(one.id), ids.pull(one.id)
        yield _edge(crds, pull, "its chart")
        yield _edge(release, pull, "its chart")
        yield _edge(release, crds, "its CRDs come first")
    if stack.emulator is not None:
        yield _edge(ids.SEEDS, ids.EMULATOR, "they are in the emulator")
    for part in units.parts:
        if part.id.endswith(ids.CUSTOM_PART):
            plain = ids.objects(part.id.removesuffix(ids.CUSTOM_PART))
            yield _edge(ids.objects(part.id), plain, "of the same Kustomization")
    for one in units.releases:
        yield _edge(ids.release(one.id), ids.objects(one.owner), "of the same Kustomization")


def written(repo: FluxRepo, units: Units) -> tuple[tuple[Edge, ...], tuple[Note, ...]]:
    """Flux's dependsOn, of Kustomizations and of HelmReleases, and a note for each that names nothing."""
    edges, notes = [], []
    inside = members(repo, units)
    for one in repo.kustomizations:
        for need in one.depends_on:
            if need not in inside and need not in units.suspended:
                notes.append(
                    Note(text=f"Kustomization {one.id} depends on {need}, which is not there", place=one.place)
                )
            reason = f"Kustomization {one.name} dependsOn {need.rpartition('/')[2]}"
            edges += [
                Edge(step=StepId(step), needs=StepId(other), kind=EdgeKind.DEPENDS_ON, reason=reason)
                for step in inside.get(one.id, ())
                if step != ids.EMULATOR  # outside the cluster it waits for nothing in it
                for other in inside.get(need, ())
            ]
    targets = _targets(units)
    for release in units.releases:
        for need in release.depends_on:
            if need not in targets and need not in units.suspended:
                text = f"HelmRelease {release.id} depends on {need}, which is not there"
                notes.append(Note(text=text, place=release.place))
            reason = f"HelmRelease {release.name} dependsOn {need.rpartition('/')[2]}"
            edges += [
                Edge(step=ids.release(release.id), needs=other, kind=EdgeKind.DEPENDS_ON, reason=reason)
                for other in targets.get(need, ())
            ]
    return tuple(edges), tuple(notes)


def nested(repo: FluxRepo, units: Units) -> Iterator[Edge]:
    """A Kustomization's plain objects come before what its children bring: the children are among them."""
    inside = members(repo, units)
    for one in repo.kustomizations:
        if one.parent is None:
            continue
        for step in inside[one.id]:
            yield _edge(StepId(step), ids.objects(one.parent), f"Kustomization {one.name} is in {one.parent}")


def found(inferred: Iterable[tuple[str, str, str]], units: Units) -> Iterator[Edge]:
    """Inferred (unit, needed unit, reason); who needs the release the emulator stands for needs the emulator."""
    replaced = None if units.emulator is None else ids.release(units.emulator.id)
    for unit, needed, reason in inferred:
        if unit == replaced:
            continue
        for need in _emulator_steps() if needed == replaced else (StepId(needed),):
            yield Edge(step=StepId(unit), needs=need, kind=EdgeKind.INFERRED, reason=reason)


def listed(units: Units, prepared: Mapping[str, PreparedRelease]) -> Iterator[Edge]:
    """Listed order, kept around every release whose manifests are not known: its independence is not proven."""
    last_unknown: list[StepId] = []
    since: list[StepId] = []
    for release in units.releases:
        step, unknown = ids.release(release.id), _is_unknown(prepared.get(release.id))
        for before in (*last_unknown, *since) if unknown else last_unknown:
            yield _listed(step, before, "listed before it")
        if unknown:
            last_unknown, since = [step], []
            yield _listed(ids.objects(f"{release.owner}{ids.CUSTOM_PART}"), step, "may define its kinds")
        else:
            since.append(step)


def _is_unknown(prepared: PreparedRelease | None) -> bool:
    return prepared is None or prepared.manifests is None


def _listed(step: StepId, needs: StepId, reason: str) -> Edge:
    return Edge(step=step, needs=needs, kind=EdgeKind.LISTED, reason=reason)


def _targets(units: Units) -> Mapping[str, tuple[StepId, ...]]:
    targets: dict[str, tuple[StepId, ...]] = {one.id: (ids.release(one.id),) for one in units.releases}
    if units.emulator is not None:
        targets[units.emulator.id] = _emulator_steps()
    return targets


def _emulator_steps() -> tuple[StepId, ...]:
    return (ids.EMULATOR, ids.objects(EMULATOR_PART))


def _edge(step: StepId, needs: StepId, reason: str) -> Edge:
    return Edge(step=step, needs=needs, kind=EdgeKind.STRUCTURE, reason=reason)
