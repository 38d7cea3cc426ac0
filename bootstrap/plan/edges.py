"""The edges that follow from the kinds of steps and from what the repository declares."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from bootstrap.flux.dependencies import dependencies
from bootstrap.model.kube import Manifest
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release
from bootstrap.model.stack import BuiltImage, Stack
from bootstrap.model.step import Action, ApplyObjects, Edge, EdgeKind, InstallRelease, StepId, underlying
from bootstrap.plan import ids
from bootstrap.plan.pods import images_of, starts_pods
from bootstrap.plan.units import Units
from bootstrap.yamltext.positions import nearest


def structure(stack: Stack, units: Units, steps: Iterable[StepId]) -> Iterator[Edge]:
    """The edges that follow from the kinds of steps: in the cluster, of a chart, in the emulator."""
    step_ids = frozenset(steps)
    for step in step_ids:
        if step.split("/")[0] in {"crds", "release", "objects"}:
            yield _edge(step, ids.CLUSTER, "it is in the cluster")
    for helm_release in units.releases:
        release, crds, pull = ids.release(helm_release.id), ids.crds(helm_release.id), ids.pull(helm_release.id)
        yield _edge(crds, pull, "its chart")
        yield _edge(release, pull, "its chart")
        yield _edge(release, crds, "its CRDs come first")
    if stack.emulator is not None:
        yield from _of_emulator(units)
    for part in units.parts:
        if part.id.endswith(ids.CUSTOM_PART):
            plain = ids.objects(part.id.removesuffix(ids.CUSTOM_PART))
            yield _edge(ids.objects(part.id), plain, "of the same Kustomization")


def _of_emulator(units: Units) -> Iterator[Edge]:
    yield _edge(ids.SEEDS, ids.EMULATOR, "the data is in the emulator")
    if units.installed_emulator is not None:
        yield _edge(ids.EMULATOR, ids.release(units.installed_emulator.id), "it is this release")
    if units.emulator is not None:
        for step in units.emulator_steps:
            yield _edge(step, ids.replaced(units.emulator.id), "the old one is removed first")


def written(repo: FluxRepo, units: Units) -> Iterator[Edge]:
    """The edges that the repository declares: Flux's dependsOn and the nesting of Kustomizations.

    What Flux would not wait for itself is only a listed order: edges from manifests override it.
    """
    steps = _steps(units)
    containers = {ids.release(release.id): ids.objects(release.owner) for release in repo.releases}
    containers |= {
        ids.objects(kustomization.id): ids.objects(kustomization.parent)
        for kustomization in repo.kustomizations
        if kustomization.parent is not None
    }
    for dependency in dependencies(repo):
        kind = EdgeKind.DEPENDS_ON if dependency.strict else EdgeKind.LISTED
        nested = containers.get(StepId(dependency.unit)) == dependency.needs
        for step in steps.get(dependency.unit, ()):
            if step == ids.EMULATOR:
                continue  # outside the cluster it waits for nothing in it, inside for its own release alone
            # What a Kustomization holds comes after its plain objects; its custom resources may need just that.
            for need in (StepId(dependency.needs),) if nested else steps.get(dependency.needs, ()):
                yield Edge(step=step, needs=need, kind=kind, reason=dependency.reason)


def unmet(repo: FluxRepo) -> Iterator[Note]:
    """A prominent warning for each dependency on something that does not exist, with the most similar name."""
    kinds: tuple[tuple[str, Sequence[Kustomization | Release]], ...] = (
        ("Kustomization", repo.kustomizations),
        ("HelmRelease", repo.releases),
    )
    for kind, declared in kinds:
        names = [part.id for part in declared]
        for helm_release in declared:
            for need in (need for need in helm_release.depends_on if need not in names):
                near = nearest(need, [name for name in names if name != helm_release.id])
                hint = f"; did you mean {near}?" if near is not None else ""
                text = (
                    f"{kind} {helm_release.id} depends on {need}, which does not exist: Flux would wait forever{hint}"
                )
                yield Note(text=text, place=helm_release.place, loud=True)


def inferred_edges(inferred: Iterable[tuple[str, str, str]], units: Units) -> Iterator[Edge]:
    """Inferred (unit, needed unit, reason); who needs the release that the emulator stands for needs the emulator.

    The edges of a replaced release itself are to and from a step that does not exist: they have no effect.
    """
    stands_for = None if units.emulator is None else ids.release(units.emulator.id)
    for unit, needed, reason in inferred:
        for need in units.emulator_steps if needed == stands_for else (StepId(needed),):
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


def _steps(units: Units) -> Mapping[str, tuple[StepId, ...]]:
    """The steps that perform `objects/NS/NAME` and `release/NS/NAME`."""
    step_ids: dict[str, list[StepId]] = {}
    for part in units.parts:
        step_ids.setdefault(ids.objects(part.id.removesuffix(ids.CUSTOM_PART)), []).append(ids.objects(part.id))
    for release in units.releases:
        step_ids[ids.release(release.id)] = [ids.release(release.id)]
    if units.emulator is not None:
        step_ids[ids.release(units.emulator.id)] = list(units.emulator_steps)
    return {unit: tuple(steps) for unit, steps in step_ids.items()}


def _edge(step: StepId, needs: StepId, reason: str) -> Edge:
    return Edge(step=step, needs=needs, kind=EdgeKind.STRUCTURE, reason=reason)


def of_builds(built: Sequence[BuiltImage], actions: Mapping[StepId, tuple[Action, str, timedelta]]) -> Iterator[Edge]:
    """Steps that run an image of the stack come after its build; so do steps whose images are not known yet."""
    for step, (action, _reason, _timeout) in actions.items():
        used = images_of_action(action)
        for image in built:
            if image.reference in used or _is_late(action):
                yield _edge(step, ids.build(image.spec.name), f"it runs {image.spec.name}")


def of_nodes(actions: Mapping[StepId, tuple[Action, str, timedelta]]) -> Iterator[Edge]:
    """The nodes belong to the cluster; pods wait until services and names are there.

    A program that calls a service before that waits for the answer as long as its library does, often 30 s, or ends.
    """
    yield _edge(ids.NODES, ids.CLUSTER, "they are the cluster's")
    for step, (action, _reason, _timeout) in actions.items():
        if _is_late(action):
            yield _edge(step, ids.NODES, "its pods are not known yet")
        elif (starts := starts_pods(_manifests(action))) is not None:
            yield _edge(step, ids.NODES, f"the pods of {starts} need services and names")


def _manifests(action: Action) -> Sequence[Manifest]:
    match underlying(action):
        case InstallRelease(prepared=prepared):
            return prepared.manifests or ()
        case ApplyObjects(kustomization=part):
            return part.objects
        case _:
            return ()


def images_of_action(action: Action) -> Sequence[str]:
    """The images that the pods of what it applies run, as far as that is known."""
    return images_of(_manifests(action))


def _is_late(action: Action) -> bool:
    installed = underlying(action)
    return isinstance(installed, InstallRelease) and installed.prepared.manifests is None
