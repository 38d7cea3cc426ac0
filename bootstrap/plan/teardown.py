"""The plan of `down`: deletes what this stack created, and nothing else."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bootstrap.model.observed import Observed, TargetState
from bootstrap.model.stack import Provider, Stack
from bootstrap.model.step import (
    Action,
    DeleteCluster,
    DeleteEmulator,
    DeleteObjects,
    Keep,
    Plan,
    RemoveLeftovers,
    RemoveState,
    Step,
    StepId,
    UninstallRelease,
)
from bootstrap.plan import ids

TIMEOUT = timedelta(minutes=5)
LEFTOVERS = StepId("leftovers")
STATE = StepId("state")


def build_teardown(
    stack: Stack,
    observed: Observed,
    *,
    labelled: bool = False,
    keep_data: bool = False,
    snapshots: Sequence[str] = (),
) -> Plan:
    """Remove emulator and cluster, then the state; from an existing cluster only what `up` created in it.

    `labelled`: whether anything else may carry the stack's label. `snapshots`: the names of those that it has.
    """
    emptied = tuple(_emptying(observed)) if stack.cluster.provider is Provider.EXISTING else ()
    steps = [*emptied, _cluster(observed, tuple(step.id for step in emptied))]
    if stack.emulator is not None or observed.emulator is not None:
        steps.append(_emulator(observed, keep_data=keep_data))
    if labelled:
        needs = tuple(step.id for step in steps)
        steps.append(_step(LEFTOVERS, RemoveLeftovers(keep_data=keep_data), "everything that carries its label", needs))
    needs = tuple(step.id for step in steps)
    reason = "everything except what is kept" if keep_data else "the rest of this stack"
    if snapshots:
        named = f"snapshot{'' if len(snapshots) == 1 else 's'} {', '.join(snapshots)}"
        reason += f" ({named})" if keep_data else f", with {named}"
    steps.append(_step(STATE, RemoveState(keep_data=keep_data), reason, needs))
    return Plan(steps=tuple(steps))


def _emptying(observed: Observed) -> Iterator[Step]:
    releases: list[StepId] = []
    for release in observed.releases.values():
        if release.owner is not None:
            step = StepId(f"release/{release.namespace}/{release.release_name}")
            action = UninstallRelease(namespace=release.namespace, release_name=release.release_name)
            # One by one, the last installed first: a release was installed after those it depends on.
            yield _step(step, action, "installed by bootstrap", tuple(releases[-1:]))
            releases.append(step)
    for owner, entry in observed.inventory.items():
        deletion = DeleteObjects(owner=owner, objects=tuple(reversed(entry.objects)))
        yield _step(ids.objects(owner), deletion, "applied by bootstrap", tuple(releases[-1:]))


def _cluster(observed: Observed, needs: tuple[StepId, ...]) -> Step:
    if observed.cluster.state is TargetState.FOREIGN:
        return _step(ids.CLUSTER, Keep(what="cluster"), f"not created by bootstrap: {observed.cluster.detail}", needs)
    return _step(ids.CLUSTER, DeleteCluster(), observed.cluster.state.value, needs)


def _emulator(observed: Observed, *, keep_data: bool) -> Step:
    emulator = observed.emulator
    if emulator is not None and emulator.state is TargetState.FOREIGN:
        return _step(ids.EMULATOR, Keep(what="emulator"), f"not created by bootstrap: {emulator.detail}", ())
    reason = TargetState.ABSENT.value if emulator is None else emulator.state.value
    return _step(ids.EMULATOR, DeleteEmulator(keep_data=keep_data), reason, ())


def _step(step: StepId, action: Action, reason: str, needs: tuple[StepId, ...]) -> Step:
    return Step(id=step, action=action, needs=needs, reason=reason, timeout=TIMEOUT)
