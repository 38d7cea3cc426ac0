"""What is wanted and what is there become a plan; same input, same plan."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bootstrap.errors import RefusedError
from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import EmulatorObserved, Observed, PreparedRelease, ReleaseObserved, TargetState
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release
from bootstrap.model.replacement import NO_CONSENT, Change, Consent, Replacement
from bootstrap.model.stack import BuiltImage, Placement, Stack
from bootstrap.model.step import (
    Action,
    ApplyCrds,
    ApplyObjects,
    ApplySeeds,
    BuildImage,
    DeleteEmulator,
    DeleteObjects,
    EnsureCluster,
    EnsureEmulator,
    InstallRelease,
    Keep,
    LoadImages,
    Plan,
    PullChart,
    StartCluster,
    StartEmulator,
    Step,
    StepId,
    UninstallRelease,
)
from bootstrap.plan import edges, ids
from bootstrap.plan.consent import as_if_replaced, check_steps, is_allowed, replace_action
from bootstrap.plan.emulator import EMULATOR_PART, out_of_reach
from bootstrap.plan.order import build_graph
from bootstrap.plan.units import Units, cut, fingerprint, not_ready, refs_of

CLUSTER_TIMEOUT = timedelta(minutes=5)
EMULATOR_TIMEOUT = timedelta(minutes=2)
IMAGE_TIMEOUT = timedelta(minutes=10)
"""What the image of an emulator, or of machines, may take to be pulled: LocalStack's has more than a gigabyte."""
SEEDS_TIMEOUT = timedelta(minutes=10)
PULL_TIMEOUT = timedelta(minutes=5)
IMAGES_TIMEOUT = timedelta(minutes=20)
BUILD_TIMEOUT = timedelta(minutes=20)
CRDS_TIMEOUT = timedelta(minutes=2)
DELETE_TIMEOUT = timedelta(minutes=5)
HEAL_TIMEOUT = timedelta(minutes=1)
"""What a release may take beyond its own timeout: to heal what a killed run left, and to be told of."""

_UNCHANGED = "unchanged"
_NEXT_TO_THE_CLUSTER = "not known before the cluster runs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """All that a plan is made of, but for what is there."""

    stack: Stack
    repo: FluxRepo = field(default_factory=FluxRepo)
    prepared: Mapping[str, PreparedRelease] = field(default_factory=dict)
    """By release id."""
    inferred: Sequence[tuple[str, str, str]] = ()
    """(unit, needed unit, reason), read from the rendered manifests; units are `release/…` and `objects/…`."""
    prune: bool = False
    """Whether what left the repository is removed."""
    preload: bool = False
    """Whether images go to the machines of the cluster through this machine's engine."""
    built: Sequence[BuiltImage] = ()
    """Images of the stack's own."""
    build_simulated: bool = False
    """Whether they are built even where pods are simulated."""
    consent: Consent = NO_CONSENT
    """What may be deleted and created again."""
    start_only: bool = False
    """Whether cluster and emulator are only started as they are, never created, changed or replaced."""
    already_cut: Units | None = None
    """The units of the repository, from whoever has cut it; see `units`."""

    @property
    def units(self) -> Units:
        """The units of the repository.

        Raises:
            InvalidError: the release that the emulator is to be is not there, not the only one, or suspended.
        """
        return self.already_cut or cut(self.stack, self.repo)


def build_plan(wanted: Wanted, observed: Observed) -> Plan:
    """Every step with its needs and its reason, in an order in which they could run one by one.

    Raises:
        InvalidError: the repository's own dependencies go round in a circle.
        RefusedError: what is there under our name is not ours.
        UsageError: consent was given to a step that is not there.
    """
    units = wanted.units
    observed = as_if_replaced(observed, wanted.consent)
    actions = {step: (action, reason, timeout) for step, action, reason, timeout in _actions(wanted, observed, units)}
    check_steps(wanted.consent, tuple(actions))
    graph, conflicts = build_graph(
        tuple(actions),
        (
            *edges.structure(wanted.stack, units, actions),
            *edges.written(wanted.repo, units),
            *edges.found(wanted.inferred, units),
            *edges.of_builds(wanted.built, actions),
            *edges.listed(units, wanted.prepared),
        ),
    )
    steps = (
        Step(
            id=step, action=actions[step][0], needs=graph.needs(step), reason=actions[step][1], timeout=actions[step][2]
        )
        for step in graph.ordered()
    )
    told = (*wanted.repo.notes, *edges.unmet(wanted.repo), *conflicts, *_notes(wanted, observed, units))
    return Plan(steps=tuple(steps), edges=graph.edges(), notes=told)


_Row = tuple[StepId, Action, str, timedelta]


def _actions(wanted: Wanted, observed: Observed, units: Units) -> Iterator[_Row]:
    yield _cluster(wanted, observed)
    if wanted.stack.emulator is not None:
        emulator = _emulator(wanted, observed, units)
        yield emulator
        if wanted.stack.seeds:
            yield _seeds(observed, is_made_anew=isinstance(emulator[1], EnsureEmulator))
    elif observed.emulator is not None and _is_there(observed.emulator) and not wanted.start_only:
        yield _undeclared_emulator(wanted, observed.emulator)
    listed = tuple(_unit(unit, wanted, observed) for unit in units.listed)
    yield from _builds(wanted, observed, listed)
    if wanted.preload:
        yield from _images(listed, frozenset(image.reference for image in wanted.built))
    for release in units.releases:
        yield from _chart(wanted.prepared.get(release.id), release, observed)
    yield from listed
    if not wanted.start_only:
        yield from _moved_emulator(wanted, observed, units)
    if wanted.prune:
        yield from _prune(wanted, observed, units)


def _cluster(wanted: Wanted, observed: Observed) -> _Row:
    stack, found = wanted.stack, observed.cluster
    if found.state is TargetState.FOREIGN:
        raise RefusedError(
            f"the cluster of stack {stack.name} is not ours: {found.detail}",
            fix="adopt it with --adopt (kind, k3d), or rename the stack",
        )
    if found.state is TargetState.UNVERIFIED:
        raise RefusedError(
            f"the cluster of stack {stack.name} cannot be proven to be its own: {found.detail}",
            fix=f"keep it as it is: bootstrap up {stack.typed} --adopt; or remove it: bootstrap down {stack.typed}",
        )
    if wanted.start_only:
        return _started_cluster(observed)
    pulled = IMAGE_TIMEOUT if stack.cluster.provider.on_docker else timedelta()
    action, timeout = EnsureCluster(spec=stack.cluster), CLUSTER_TIMEOUT + pulled
    if found.replacement is not None:
        lives = found.kube is not None
        replace = replace_action(ids.CLUSTER, action, found.replacement, wanted.consent, lives=lives)
        return ids.CLUSTER, replace, found.replacement.reason, timeout
    if found.state is TargetState.RUNNING and not found.changes:
        return ids.CLUSTER, Keep(what="cluster"), _UNCHANGED, CLUSTER_TIMEOUT
    return ids.CLUSTER, action, _reason(found.state, found.detail, found.changes), timeout


def _started_cluster(observed: Observed) -> _Row:
    found = observed.cluster
    if found.state is TargetState.RUNNING:
        return ids.CLUSTER, Keep(what="cluster"), "runs", CLUSTER_TIMEOUT
    return ids.CLUSTER, StartCluster(), _reason(found.state, found.detail), CLUSTER_TIMEOUT


def _emulator(wanted: Wanted, observed: Observed, units: Units) -> _Row:
    stack, found = wanted.stack, observed.emulator
    if found is not None and found.state is TargetState.FOREIGN:
        raise RefusedError(f"the emulator of stack {stack.name} is not ours: {found.detail}", fix="rename the stack")
    if wanted.start_only:
        return _started_emulator(observed, units)
    assert stack.emulator is not None  # noqa: S101 - the caller looked
    action = EnsureEmulator(spec=stack.emulator, release=units.installed_emulator)
    pulled = IMAGE_TIMEOUT if stack.emulator.placement is Placement.CONTAINER else timedelta()
    timeout = EMULATOR_TIMEOUT + pulled
    if found is not None and found.replacement is not None:
        lives = found.endpoint is not None
        replace = replace_action(ids.EMULATOR, action, found.replacement, wanted.consent, lives=lives)
        return ids.EMULATOR, replace, found.replacement.reason, timeout
    reason = _emulator_reason(wanted, observed, units)
    if not reason:
        return ids.EMULATOR, Keep(what="emulator"), _UNCHANGED, EMULATOR_TIMEOUT
    return ids.EMULATOR, action, reason, timeout


def _started_emulator(observed: Observed, units: Units) -> _Row:
    found, start = observed.emulator, StartEmulator(release=units.installed_emulator)
    if found is None:
        return ids.EMULATOR, start, "not found", EMULATOR_TIMEOUT
    if found.endpoint is not None and found.endpoint.incarnation:
        return ids.EMULATOR, Keep(what="emulator"), "runs", EMULATOR_TIMEOUT
    reason = "its data is lost" if found.endpoint is not None else _reason(found.state, found.detail)
    return ids.EMULATOR, start, reason, EMULATOR_TIMEOUT


def _is_there(emulator: EmulatorObserved) -> bool:
    return emulator.state is not TargetState.ABSENT or emulator.replacement is not None


def _undeclared_emulator(wanted: Wanted, found: EmulatorObserved) -> _Row:
    """One that the stack does not declare any more goes with its data: by consent alone where it lives."""
    removal = DeleteEmulator()
    if found.replacement is None:
        return ids.EMULATOR, removal, "no longer declared", DELETE_TIMEOUT
    replace = replace_action(ids.EMULATOR, removal, found.replacement, wanted.consent)
    return ids.EMULATOR, replace, found.replacement.reason, DELETE_TIMEOUT


def _emulator_reason(wanted: Wanted, observed: Observed, units: Units) -> str:
    """Why it is made or started; empty when it runs as declared."""
    found, release = observed.emulator, units.installed_emulator
    if found is None:
        return "not found"
    if found.endpoint is None or found.changes:
        return _reason(found.state, found.detail, found.changes)
    if release is None:
        return ""
    if found.release != release.id:
        return f"it is {found.release}, declared {release.id}"
    prepared = wanted.prepared.get(release.id) or PreparedRelease(release=release)
    if changed := _release_reason(prepared, release, observed):
        return f"its release is installed: {changed}"
    return "" if found.endpoint.incarnation else "its data is lost"


def _reason(state: TargetState, detail: str, changes: Sequence[Change] = ()) -> str:
    if changes and state is TargetState.RUNNING:
        return f"changed in place: {'; '.join(map(str, changes))}"
    word = "not found" if state is TargetState.ABSENT else state.value
    return f"{word}: {detail}" if detail not in {"", word} else word


def _seeds(observed: Observed, *, is_made_anew: bool) -> _Row:
    if observed.seeds is None or (is_made_anew and observed.seeds.changes == 0):
        return ids.SEEDS, ApplySeeds(), "not known before the emulator runs", SEEDS_TIMEOUT
    if observed.seeds.changes == 0:
        return ids.SEEDS, Keep(what="seeds"), _UNCHANGED, SEEDS_TIMEOUT
    return ids.SEEDS, ApplySeeds(), observed.seeds.detail, SEEDS_TIMEOUT


def _builds(wanted: Wanted, observed: Observed, rows: Sequence[_Row]) -> Iterator[_Row]:
    """One step for each image of the stack; those that nothing is applied with are not built."""
    used = frozenset(image for row in rows for image in edges.images_of_action(row[1]))
    for image in wanted.built:
        action, reason = _build(image, used, wanted, observed)
        yield ids.build(image.spec.name), action, reason, BUILD_TIMEOUT


def _build(image: BuiltImage, used: Collection[str], wanted: Wanted, observed: Observed) -> tuple[Action, str]:
    name = ids.build(image.spec.name)
    if image.reference in observed.built:
        return Keep(what="image"), _UNCHANGED
    if wanted.stack.cluster.provider.simulates_pods:
        if wanted.build_simulated:
            return BuildImage(image=image), "asked for"
        return Keep(what="image"), f"pods are simulated; build it with: --only {name}"
    if image.reference in used:
        return BuildImage(image=image), "its files are not built yet"
    return Keep(what="image"), "nothing that is applied runs it"


def _images(rows: Sequence[_Row], built: Collection[str]) -> Iterator[_Row]:
    """One step for all images of what is to be applied: none waits for it, each waits for its own images."""
    found = dict.fromkeys(image for row in rows for image in edges.images_of_action(row[1]) if image not in built)
    if found:
        count = f"{len(found)} image{'' if len(found) == 1 else 's'}"
        yield ids.IMAGES, LoadImages(images=tuple(found)), f"{count} in what is applied", IMAGES_TIMEOUT


def _unit(unit: Kustomization | Release, wanted: Wanted, observed: Observed) -> _Row:
    if isinstance(unit, Kustomization):
        return _objects(unit, wanted.consent, observed)
    return _release(wanted, unit, observed)


def _chart(prepared: PreparedRelease | None, release: Release, observed: Observed) -> Iterator[_Row]:
    if prepared is None or prepared.chart_digest is None:
        yield ids.pull(release.id), PullChart(release=release), "not in the cache", PULL_TIMEOUT
    if prepared is not None and prepared.crds:
        reason = _release_reason(prepared, release, observed)
        kept = Keep(what="CRDs")
        action = ApplyCrds(prepared=prepared) if reason else kept
        yield ids.crds(release.id), action, reason or _UNCHANGED, CRDS_TIMEOUT


def _release(wanted: Wanted, release: Release, observed: Observed) -> _Row:
    one = wanted.prepared.get(release.id) or PreparedRelease(release=release)
    reason = _release_reason(one, release, observed)
    timeout = release.timeout * (1 + release.retries) + HEAL_TIMEOUT
    step = ids.release(release.id)
    install = InstallRelease(prepared=one, may_replace=is_allowed(wanted.consent, step))
    return step, install if reason else Keep(what="release"), reason or _UNCHANGED, timeout


def _release_reason(prepared: PreparedRelease, release: Release, observed: Observed) -> str:
    """Why it is installed; empty when it is as declared."""
    if observed.cluster.state is not TargetState.RUNNING:
        fresh = observed.cluster.state is TargetState.ABSENT
        return "not found" if fresh else _NEXT_TO_THE_CLUSTER
    found = observed.releases.get(f"{release.target_namespace}/{release.release_name}")
    if found is None:
        return "not found"
    if found.status != "deployed":
        return f"its state is {found.status}"
    held = observed.held.get(prepared.release.id, found.held)
    return _difference(found, prepared) or ("" if held == found.held else "its values in the cluster changed")


def _difference(found: ReleaseObserved, prepared: PreparedRelease) -> str:
    if found.fingerprint is None:
        return "installed by someone else"
    if prepared.fingerprint is None:
        return "its chart is not known yet"
    if found.fingerprint == prepared.fingerprint:
        return f"not ready: {found.unready}" if found.unready and not prepared.release.disable_wait else ""
    names = ("chart", "values", "settings")
    parts = tuple(zip(names, found.fingerprint.split("."), prepared.fingerprint.split("."), strict=False))
    changed = [name for name, old, new in parts if old != new]
    return f"{' and '.join(changed)} changed"


def _objects(part: Kustomization, consent: Consent, observed: Observed) -> _Row:
    wanted, found = fingerprint(part), observed.inventory.get(part.id)
    step = ids.objects(part.id)
    action = ApplyObjects(kustomization=part, fingerprint=wanted, may_replace=is_allowed(consent, step))
    if observed.cluster.state is not TargetState.RUNNING:
        fresh = observed.cluster.state is TargetState.ABSENT
        return step, action, "not found" if fresh else _NEXT_TO_THE_CLUSTER, part.timeout + HEAL_TIMEOUT
    if found is None:
        return step, action, "not found", part.timeout + HEAL_TIMEOUT
    if found.fingerprint != wanted:
        return step, action, "manifests changed", part.timeout + HEAL_TIMEOUT
    gone = [str(one) for one in found.objects if one in observed.objects.missing]
    if gone:
        return step, action, f"gone: {', '.join(gone[:3])}{', …' if gone[3:] else ''}", part.timeout + HEAL_TIMEOUT
    if unready := not_ready(part, observed.objects):
        return step, action, f"not ready: {unready}", part.timeout + HEAL_TIMEOUT
    return step, Keep(what="objects"), _UNCHANGED, part.timeout


def _moved_emulator(wanted: Wanted, observed: Observed, units: Units) -> Iterator[_Row]:
    """What stands in the way of an emulator that was in the cluster and is outside it now, or the other way round."""
    if units.emulator is None:
        return
    step = ids.replaced(units.emulator.id)
    if units.installed_emulator is None:
        for release in observed.releases.values():
            if release.owner == units.emulator.id:
                removal = UninstallRelease(namespace=release.namespace, release_name=release.release_name)
                yield _making_room(step, removal, "the emulator takes its place", wanted.consent)
        return
    entry = observed.inventory.get(EMULATOR_PART)
    # Its namespace is the release's too.
    names = () if entry is None else tuple(ref for ref in entry.objects if ref.kind != "Namespace")
    if names:
        deletion, why = DeleteObjects(owner=EMULATOR_PART, objects=names), "the emulator is a release now"
        if observed.emulator is not None and observed.emulator.replacement is not None:
            yield _making_room(step, deletion, why, wanted.consent)
        else:
            yield step, deletion, why, DELETE_TIMEOUT


def _making_room(step: StepId, action: UninstallRelease | DeleteObjects, why: str, consent: Consent) -> _Row:
    """By consent to the replacement of the emulator; without it nothing else may take the place."""
    replace = replace_action(ids.EMULATOR, action, Replacement(reasons=(why,)), consent, lives=False)
    return step, replace, why, DELETE_TIMEOUT


def _prune(wanted: Wanted, observed: Observed, units: Units) -> Iterator[_Row]:
    for found in orphaned_releases(wanted, observed):
        step = StepId(f"prune/{found.namespace}/{found.release_name}")
        action = UninstallRelease(namespace=found.namespace, release_name=found.release_name)
        yield step, action, "no longer in the repository", DELETE_TIMEOUT
    # An object that another Kustomization holds now has moved, and a namespace may hold a release.
    kept = {one for part in units.parts for one in refs_of(part)}
    kept |= {_namespace(one.target_namespace) for one in wanted.repo.releases}
    for owner, entry in observed.inventory.items():
        gone = tuple(one for one in entry.objects if one not in kept)
        if gone and owner.removesuffix(ids.CUSTOM_PART) not in units.suspended:
            step = StepId(f"prune-objects/{owner}")
            yield step, DeleteObjects(owner=owner, objects=gone), "no longer in the repository", DELETE_TIMEOUT


def orphaned_releases(wanted: Wanted, observed: Observed) -> tuple[ReleaseObserved, ...]:
    """Releases we installed for a HelmRelease that is no longer in the repository."""
    known = {one.id for one in wanted.repo.releases}
    return tuple(one for one in observed.releases.values() if one.owner is not None and one.owner not in known)


def _notes(wanted: Wanted, observed: Observed, units: Units) -> Iterator[Note]:
    yield from out_of_reach(wanted.stack)
    for name in units.suspended:
        yield Note(text=f"{name} is suspended: left as it is")
    if not wanted.prune:
        for found in orphaned_releases(wanted, observed):
            name = f"{found.namespace}/{found.release_name}"
            yield Note(text=f"release {name} is no longer in the repository; remove it with: bootstrap up --prune")
    for one in wanted.prepared.values():
        yield from one.notes
        if one.failure is not None:
            yield Note(text=f"release/{one.release.id} will fail: {one.failure.what}", place=one.release.place)


def _namespace(name: str) -> ObjectRef:
    return ObjectRef(api_version="v1", kind="Namespace", namespace=None, name=name)
