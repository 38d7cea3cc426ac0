"""Makes a plan from the desired and the observed state; the same input gives the same plan."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.model.count import counted
from bootstrap.model.observed import EmulatorObserved, Observed, PreparedRelease, ReleaseObserved, TargetState
from bootstrap.model.release import Kustomization, Note, Release
from bootstrap.model.replacement import Change, Consent, Replacement
from bootstrap.model.stack import BuiltImage, Placement, Stack
from bootstrap.model.step import (
    Action,
    ApplyCrds,
    ApplyObjects,
    ApplySeeds,
    AwaitNodes,
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
    Refuse,
    StartCluster,
    StartEmulator,
    Step,
    StepId,
    UninstallRelease,
)
from bootstrap.plan import edges, ids
from bootstrap.plan.chains import chains, estimated
from bootstrap.plan.consent import as_if_replaced, check_steps, is_allowed, replace_action
from bootstrap.plan.desired import Desired
from bootstrap.plan.emulator import EMULATOR_PART, out_of_reach
from bootstrap.plan.order import build_graph
from bootstrap.plan.prune import Leftovers, leftovers
from bootstrap.plan.units import Units, fingerprint, not_ready

CLUSTER_TIMEOUT = timedelta(minutes=5)
EMULATOR_TIMEOUT = timedelta(minutes=2)
IMAGE_TIMEOUT = timedelta(minutes=10)
"""Time to pull the image of an emulator or of the nodes: LocalStack's image has more than 1 GiB."""
SEEDS_TIMEOUT = timedelta(minutes=10)
PULL_TIMEOUT = timedelta(minutes=5)
IMAGES_TIMEOUT = timedelta(minutes=20)
BUILD_TIMEOUT = timedelta(minutes=20)
CRDS_TIMEOUT = timedelta(minutes=2)
DELETE_TIMEOUT = timedelta(minutes=5)
HEAL_TIMEOUT = timedelta(minutes=1)
UNLIMITED_TIMEOUT = timedelta(days=1)
"""Time of a release beyond its own timeout: to repair what a killed run left, and to report."""

_UNCHANGED = "unchanged"
_NEXT_TO_THE_CLUSTER = "not known before the cluster runs"


def build_plan(desired: Desired, observed: Observed) -> Plan:
    """Every step with its needs and its reason, in an order in which they could run one by one.

    Raises:
        InvalidError: the repository's own dependencies form a cycle.
        UsageError: consent was given to a step that does not exist.
    """
    units = desired.units
    observed = as_if_replaced(observed, desired.consent)
    actions = {step: (action, reason, timeout) for step, action, reason, timeout in _actions(desired, observed, units)}
    check_steps(desired.consent, tuple(actions))
    graph, conflicts = build_graph(
        tuple(actions),
        (
            *edges.structure(desired.stack, units, actions),
            *edges.written(desired.repo, units),
            *edges.inferred_edges(desired.inferred, units),
            *edges.of_builds(desired.built, actions),
            *edges.of_nodes(actions),
            *edges.listed(units, desired.prepared),
        ),
    )
    steps = (
        Step(
            id=step,
            action=actions[step][0],
            needs=graph.needs(step),
            reason=actions[step][1],
            timeout=actions[step][2],
            estimate=observed.seconds.get(step, estimated(actions[step][0])),
        )
        for step in graph.ordered()
    )
    notes = (*desired.repo.notes, *edges.unmet(desired.repo), *conflicts, *_notes(desired, observed, units))
    return _with_urgent_images(Plan(steps=tuple(steps), edges=graph.edges(), notes=notes))


def _with_urgent_images(plan: Plan) -> Plan:
    """The plan with its images in the order in which they are needed: those of the longest chain first."""
    lengths = chains(plan)
    urgent: dict[str, float] = {}
    for step in plan.steps:
        for image in edges.images_of_action(step.action):
            urgent[image] = max(urgent.get(image, 0.0), lengths[step.id])
    steps = []
    for step in plan.steps:
        if isinstance(step.action, LoadImages):
            images = tuple(sorted(step.action.images, key=lambda image: -urgent.get(image, 0.0)))
            step = dataclasses.replace(step, action=LoadImages(images=images))  # noqa: PLW2901 - the same step
        steps.append(step)
    return dataclasses.replace(plan, steps=tuple(steps))


_Row = tuple[StepId, Action, str, timedelta]


def _actions(desired: Desired, observed: Observed, units: Units) -> Iterator[_Row]:
    yield from _cluster_and_nodes(desired, observed)
    if desired.stack.emulator is not None:
        emulator = _emulator(desired, observed, units)
        yield emulator
        if desired.stack.seeds:
            yield _seeds(observed, is_recreated=isinstance(emulator[1], EnsureEmulator))
    elif observed.emulator is not None and _is_there(observed.emulator) and not desired.start_only:
        yield _undeclared_emulator(desired, observed.emulator, observed.unseen.get(ids.EMULATOR))
    listed = tuple(_unit(unit, desired, observed) for unit in units.listed)
    yield from _builds(desired, observed, listed)
    if desired.preload and not observed.cluster.moves:
        yield from _images(listed, frozenset(image.reference for image in desired.built))
    for release in units.releases:
        yield from _chart(desired.prepared.get(release.id), release, observed)
    yield from listed
    if not desired.start_only:
        yield from _moved_emulator(desired, observed, units)
    if desired.prune:
        yield from _prune(leftovers(desired, observed, units))


def _cluster(desired: Desired, observed: Observed) -> _Row:
    stack, cluster = desired.stack, observed.cluster
    if (refusal := _refused_cluster(stack, observed)) is not None:
        return _refused(ids.CLUSTER, refusal)
    if desired.start_only:
        return _started_cluster(observed)
    pulled = IMAGE_TIMEOUT if stack.cluster.provider.on_docker else timedelta()
    action, timeout = EnsureCluster(spec=stack.cluster), CLUSTER_TIMEOUT + pulled
    if cluster.replacement is not None:
        lives = cluster.kube is not None and not cluster.moves
        replace = replace_action(ids.CLUSTER, action, cluster.replacement, desired.consent, lives=lives)
        return ids.CLUSTER, replace, cluster.replacement.reason, timeout
    if cluster.state is TargetState.RUNNING and not cluster.changes:
        return ids.CLUSTER, Keep(what="cluster"), _UNCHANGED, CLUSTER_TIMEOUT
    return ids.CLUSTER, action, _reason(cluster.state, cluster.detail, cluster.changes), timeout


def _cluster_and_nodes(desired: Desired, observed: Observed) -> Iterator[_Row]:
    """The cluster; if all of it is created in this run, its API is used before its nodes are ready."""
    row = _cluster(desired, observed)
    yield row
    fresh = observed.cluster.state is TargetState.ABSENT and not observed.cluster.moves
    if isinstance(row[1], EnsureCluster) and desired.stack.cluster.provider.on_docker and fresh:
        yield ids.NODES, AwaitNodes(), "created with the cluster", CLUSTER_TIMEOUT


def _refused_cluster(stack: Stack, observed: Observed) -> BootstrapError | None:
    """Why nothing may be done with what is there; None: something may."""
    cluster = observed.cluster
    if cluster.state is TargetState.FOREIGN:
        return RefusedError(
            f"the cluster of stack {stack.name} was not created by it: {cluster.detail}",
            fix=f"adopt it (kind, k3d): bootstrap up {stack.typed} --adopt; or rename the stack",
        )
    if cluster.state is TargetState.UNVERIFIED:
        return RefusedError(
            f"the cluster of stack {stack.name} cannot be proven to be its own: {cluster.detail}",
            fix=f"keep it as it is: bootstrap up {stack.typed} --adopt; or remove it: bootstrap down {stack.typed}",
        )
    return observed.unseen.get(ids.CLUSTER)


def _refused(step: StepId, error: BootstrapError) -> _Row:
    return step, Refuse(error=error), error.what, timedelta()


def _started_cluster(observed: Observed) -> _Row:
    cluster = observed.cluster
    if cluster.state is TargetState.RUNNING:
        return ids.CLUSTER, Keep(what="cluster"), "runs", CLUSTER_TIMEOUT
    return ids.CLUSTER, StartCluster(), _reason(cluster.state, cluster.detail), CLUSTER_TIMEOUT


def _emulator(desired: Desired, observed: Observed, units: Units) -> _Row:
    stack, emulator = desired.stack, observed.emulator
    if emulator is not None and emulator.state is TargetState.FOREIGN:
        what = f"the emulator of stack {stack.name} was not created by it: {emulator.detail}"
        return _refused(ids.EMULATOR, RefusedError(what, fix="rename the stack"))
    if ids.EMULATOR in observed.unseen:
        return _refused(ids.EMULATOR, observed.unseen[ids.EMULATOR])
    if desired.start_only:
        return _started_emulator(observed, units)
    assert stack.emulator is not None  # noqa: S101 - the caller looked
    action = EnsureEmulator(spec=stack.emulator, release=units.installed_emulator)
    pulled = IMAGE_TIMEOUT if stack.emulator.placement is Placement.CONTAINER else timedelta()
    timeout = EMULATOR_TIMEOUT + pulled
    if emulator is not None and emulator.replacement is not None:
        lives = emulator.endpoint is not None
        replace = replace_action(ids.EMULATOR, action, emulator.replacement, desired.consent, lives=lives)
        return ids.EMULATOR, replace, emulator.replacement.reason, timeout
    reason = _emulator_reason(desired, observed, units)
    if not reason:
        return ids.EMULATOR, Keep(what="emulator"), _UNCHANGED, EMULATOR_TIMEOUT
    return ids.EMULATOR, action, reason, timeout


def _started_emulator(observed: Observed, units: Units) -> _Row:
    emulator, start = observed.emulator, StartEmulator(release=units.installed_emulator)
    if emulator is None:
        return ids.EMULATOR, start, "not found", EMULATOR_TIMEOUT
    if emulator.endpoint is not None and emulator.endpoint.incarnation:
        return ids.EMULATOR, Keep(what="emulator"), "runs", EMULATOR_TIMEOUT
    reason = "its data is lost" if emulator.endpoint is not None else _reason(emulator.state, emulator.detail)
    return ids.EMULATOR, start, reason, EMULATOR_TIMEOUT


def _is_there(emulator: EmulatorObserved) -> bool:
    return emulator.state is not TargetState.ABSENT or emulator.replacement is not None


def _undeclared_emulator(desired: Desired, emulator: EmulatorObserved, unseen: BootstrapError | None) -> _Row:
    """An emulator that is no longer declared is deleted with its data; if it exists, only with consent."""
    if unseen is not None:
        return _refused(ids.EMULATOR, unseen)
    removal = DeleteEmulator()
    if emulator.replacement is None:
        return ids.EMULATOR, removal, "no longer declared", DELETE_TIMEOUT
    replace = replace_action(ids.EMULATOR, removal, emulator.replacement, desired.consent)
    return ids.EMULATOR, replace, emulator.replacement.reason, DELETE_TIMEOUT


def _emulator_reason(desired: Desired, observed: Observed, units: Units) -> str:
    """Why it is created or started; empty if it is running as declared."""
    emulator, release = observed.emulator, units.installed_emulator
    if emulator is None:
        return "not found"
    if emulator.endpoint is None or emulator.changes:
        return _reason(emulator.state, emulator.detail, emulator.changes)
    if release is None:
        return ""
    if emulator.release != release.id:
        return f"it is {emulator.release}, but {release.id} is declared"
    prepared = desired.prepared.get(release.id) or PreparedRelease(release=release)
    if changed := _release_reason(prepared, release, observed):
        return f"its release is installed: {changed}"
    return "" if emulator.endpoint.incarnation else "its data is lost"


def _reason(state: TargetState, detail: str, changes: Sequence[Change] = ()) -> str:
    if changes and state is TargetState.RUNNING:
        return f"changed in place: {'; '.join(map(str, changes))}"
    word = "not found" if state is TargetState.ABSENT else state.value
    return f"{word}: {detail}" if detail not in {"", word} else word


def _seeds(observed: Observed, *, is_recreated: bool) -> _Row:
    if ids.SEEDS in observed.unseen:
        return _refused(ids.SEEDS, observed.unseen[ids.SEEDS])
    if observed.seeds is None or (is_recreated and observed.seeds.changes == 0):
        return ids.SEEDS, ApplySeeds(), "not known before the emulator runs", SEEDS_TIMEOUT
    if observed.seeds.changes == 0:
        return ids.SEEDS, Keep(what="seeds"), _UNCHANGED, SEEDS_TIMEOUT
    return ids.SEEDS, ApplySeeds(), observed.seeds.detail, SEEDS_TIMEOUT


def _builds(desired: Desired, observed: Observed, rows: Sequence[_Row]) -> Iterator[_Row]:
    """One step for each image that the stack builds; images that nothing uses are not built."""
    used = frozenset(image for row in rows for image in edges.images_of_action(row[1]))
    for image in desired.built:
        action, reason = _build(image, used, desired, observed)
        yield ids.build(image.spec.name), action, reason, BUILD_TIMEOUT


def _build(image: BuiltImage, used: Collection[str], desired: Desired, observed: Observed) -> tuple[Action, str]:
    name = ids.build(image.spec.name)
    if image.reference in observed.built:
        return Keep(what="image"), _UNCHANGED
    if desired.stack.cluster.provider.simulates_pods:
        if desired.build_simulated:
            return BuildImage(image=image), "requested with --only"
        return Keep(what="image"), f"pods are simulated; build it with: --only {name}"
    if image.reference in used:
        return BuildImage(image=image), "its files are not built yet"
    return Keep(what="image"), "no applied object uses it"


def _images(rows: Sequence[_Row], built: Collection[str]) -> Iterator[_Row]:
    """One step for all images of what will be applied: no step waits for it; each waits for its own images."""
    images = dict.fromkeys(image for row in rows for image in edges.images_of_action(row[1]) if image not in built)
    if images:
        count = counted(len(images), "image")
        yield ids.IMAGES, LoadImages(images=tuple(images)), f"{count} in the applied objects", IMAGES_TIMEOUT


def _unit(unit: Kustomization | Release, desired: Desired, observed: Observed) -> _Row:
    if isinstance(unit, Kustomization):
        row = _objects(unit, desired.consent, observed)
    else:
        row = _release(desired, unit, observed)
    return _with_immutable(row, desired.consent, observed)


def _with_immutable(row: _Row, consent: Consent, observed: Observed) -> _Row:
    """The same, as a replacement if the API server does not change one of its objects."""
    step, action, reason, timeout = row
    replacement = observed.immutable.get(step)
    if replacement is None or not isinstance(action, InstallRelease | ApplyObjects):
        return row
    return step, replace_action(step, action, replacement, consent), f"{reason}; {replacement.reason}", timeout


def _chart(prepared: PreparedRelease | None, release: Release, observed: Observed) -> Iterator[_Row]:
    if prepared is None or prepared.chart_digest is None:
        yield ids.pull(release.id), PullChart(release=release), "not in the cache", PULL_TIMEOUT
    if prepared is not None and prepared.crds:
        reason = _release_reason(prepared, release, observed)
        kept = Keep(what="CRDs")
        action = ApplyCrds(prepared=prepared) if reason else kept
        yield ids.crds(release.id), action, reason or _UNCHANGED, CRDS_TIMEOUT


def _release(desired: Desired, release: Release, observed: Observed) -> _Row:
    prepared_release = desired.prepared.get(release.id) or PreparedRelease(release=release)
    reason = _release_reason(prepared_release, release, observed)
    step = ids.release(release.id)
    install = InstallRelease(prepared=prepared_release, may_replace=is_allowed(desired.consent, step))
    return step, install if reason else Keep(what="release"), reason or _UNCHANGED, _release_timeout(release, observed)


def _release_timeout(release: Release, observed: Observed) -> timedelta:
    """For every attempt that helm has; where their number has no limit, the run's own `--timeout` is the limit."""
    upgrade = f"{release.target_namespace}/{release.release_name}" in observed.releases
    retries = release.upgrade_retries if upgrade else release.retries
    if retries < 0:
        return UNLIMITED_TIMEOUT
    return release.limit(upgrade=upgrade) * (1 + retries) + HEAL_TIMEOUT


def _release_reason(prepared: PreparedRelease, release: Release, observed: Observed) -> str:
    """Why it is installed; empty when it is as declared."""
    if observed.cluster.state is not TargetState.RUNNING:
        fresh = observed.cluster.state is TargetState.ABSENT
        return "not found" if fresh else _NEXT_TO_THE_CLUSTER
    installed = observed.releases.get(f"{release.target_namespace}/{release.release_name}")
    if installed is None:
        return "not found"
    if installed.status != "deployed":
        return _failed_last(ids.release(release.id), observed) or f"its state is {installed.status}"
    values_hash = observed.values_hashes.get(prepared.release.id, installed.values_hash)
    return _difference(installed, prepared) or (
        "" if values_hash == installed.values_hash else "its values in the cluster changed"
    )


def _failed_last(step: StepId, observed: Observed) -> str:
    """What kept a step from its end when it was performed last; empty: it did not fail."""
    error = observed.failed.get(step)
    return "" if error is None else f"failed last time: {error.what}"


def _difference(installed: ReleaseObserved, prepared: PreparedRelease) -> str:
    if installed.fingerprint is None:
        return "installed by someone else"
    if prepared.fingerprint is None:
        return "its chart is not known yet"
    if installed.fingerprint == prepared.fingerprint:
        return f"not ready: {installed.unready}" if installed.unready and not prepared.release.disable_wait else ""
    names = ("chart", "values", "settings")
    parts = tuple(zip(names, installed.fingerprint.split("."), prepared.fingerprint.split("."), strict=False))
    changed = [name for name, old, new in parts if old != new]
    return f"{' and '.join(changed)} changed"


def _objects(part: Kustomization, consent: Consent, observed: Observed) -> _Row:
    print_, step = fingerprint(part), ids.objects(part.id)
    reason = _objects_reason(part, print_, observed)
    if not reason:
        return step, Keep(what="objects"), _UNCHANGED, part.timeout
    action = ApplyObjects(kustomization=part, fingerprint=print_, may_replace=is_allowed(consent, step))
    return step, action, reason, part.timeout + HEAL_TIMEOUT


def _objects_reason(part: Kustomization, print_: str, observed: Observed) -> str:
    """Why they are applied; empty when they are as declared."""
    if observed.cluster.state is not TargetState.RUNNING:
        return "not found" if observed.cluster.state is TargetState.ABSENT else _NEXT_TO_THE_CLUSTER
    entry = observed.inventory.get(part.id)
    if entry is None:
        return "not found"
    if not entry.fingerprint:
        # Written before the first object was applied, and completed after the last.
        return _failed_last(ids.objects(part.id), observed) or "was not finished last time"
    if entry.fingerprint != print_:
        return "manifests changed"
    gone = [str(ref) for ref in entry.objects if ref in observed.objects.missing]
    if gone:
        return f"gone: {', '.join(gone[:3])}{', …' if gone[3:] else ''}"
    unready = not_ready(part, observed.objects)
    return f"not ready: {unready}" if unready else ""


def _moved_emulator(desired: Desired, observed: Observed, units: Units) -> Iterator[_Row]:
    """The steps that remove what is in the way of an emulator that moves into the cluster or out of it."""
    if units.emulator is None:
        return
    step = ids.replaced(units.emulator.id)
    if units.installed_emulator is None:
        for release in observed.releases.values():
            if release.owner == units.emulator.id:
                removal = UninstallRelease(namespace=release.namespace, release_name=release.release_name)
                yield _making_room(step, removal, "the emulator replaces it", desired.consent)
        return
    entry = observed.inventory.get(EMULATOR_PART)
    # Its namespace is the release's too.
    names = () if entry is None else tuple(ref for ref in entry.objects if ref.kind != "Namespace")
    if names:
        deletion, why = DeleteObjects(owner=EMULATOR_PART, objects=names), "the emulator is a release now"
        if observed.emulator is not None and observed.emulator.replacement is not None:
            yield _making_room(step, deletion, why, desired.consent)
        else:
            yield step, deletion, why, DELETE_TIMEOUT


def _making_room(step: StepId, action: UninstallRelease | DeleteObjects, why: str, consent: Consent) -> _Row:
    """Only with consent to the replacement of the emulator; without it the place stays occupied."""
    replace = replace_action(ids.EMULATOR, action, Replacement(reasons=(why,)), consent, lives=False)
    return step, replace, why, DELETE_TIMEOUT


def _prune(left: Leftovers) -> Iterator[_Row]:
    for release in left.releases:
        step = StepId(f"prune/{release.namespace}/{release.release_name}")
        action = UninstallRelease(namespace=release.namespace, release_name=release.release_name)
        yield step, action, "no longer in the repository", DELETE_TIMEOUT
    for owner, objects in left.objects:
        step = StepId(f"prune-objects/{owner}")
        yield step, DeleteObjects(owner=owner, objects=objects), "no longer in the repository", DELETE_TIMEOUT


def _notes(desired: Desired, observed: Observed, units: Units) -> Iterator[Note]:
    yield from out_of_reach(desired.stack)
    for name in units.suspended:
        yield Note(text=f"{name} is suspended: left as it is")
    yield from leftovers(desired, observed, units).notes
    for prepared_release in desired.prepared.values():
        yield from prepared_release.notes
        if prepared_release.failure is not None:
            yield Note(
                text=f"release/{prepared_release.release.id} will fail: {prepared_release.failure.what}",
                place=prepared_release.release.place,
            )
