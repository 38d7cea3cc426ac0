"""Part of a plan: only some steps, or all but some."""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import timedelta

from bootstrap.model.release import Note, Release
from bootstrap.model.stack import Stack
from bootstrap.model.step import Plan, PullCharts, Step, StepId
from bootstrap.plan import ids
from bootstrap.plan.ids import find_step

CHARTS_TIMEOUT = timedelta(minutes=5)


def select(plan: Plan, *, only: Sequence[str] = (), skip: Sequence[str] = ()) -> Plan:
    """The steps named in `only` with all they need, less those named in `skip`.

    Who needs a skipped step is performed all the same, after what the skipped one needs; a note says so.

    Raises:
        UsageError: a name means no step, or several.
    """
    known = [step.id for step in plan.steps]
    wanted = _with_needs(plan, [find_step(name, known) for name in only]) if only else frozenset(known)
    left_out = frozenset(find_step(name, known) for name in skip)
    steps: list[Step] = []
    replaced: dict[StepId, tuple[StepId, ...]] = {}
    notes = []
    for step in plan.steps:
        needs = tuple(dict.fromkeys(one for need in step.needs for one in replaced.get(need, (need,))))
        if step.id in left_out:
            replaced[step.id] = needs
        elif step.id in wanted:
            steps.append(dataclasses.replace(step, needs=needs))
            notes += [Note(text=f"{step.id} needs {need}, which is skipped") for need in step.needs if need in left_out]
    kept = frozenset(step.id for step in steps)
    edges = tuple(edge for edge in plan.edges if edge.step in kept and edge.needs in kept)
    return dataclasses.replace(plan, steps=tuple(steps), edges=edges, notes=(*plan.notes, *notes))


def before_charts(plan: Plan, lacking: Sequence[Release]) -> Plan:
    """What need not wait for the charts that are not here, and the step that brings them: the rest is planned after.

    Releases whose manifests are not known could only be installed one by one.
    """
    early: dict[StepId, Step] = {}
    for step in plan.steps:
        if step.id in {ids.CLUSTER, ids.EMULATOR, ids.SEEDS} and all(need in early for need in step.needs):
            early[step.id] = step
    charts = Step(
        id=ids.CHARTS,
        action=PullCharts(releases=tuple(lacking)),
        reason=f"not in the cache: {', '.join(one.id for one in lacking)}",
        timeout=CHARTS_TIMEOUT,
    )
    edges = tuple(edge for edge in plan.edges if edge.step in early and edge.needs in early)
    return Plan(steps=(*early.values(), charts), edges=edges)


def targets(stack: Stack) -> tuple[StepId, ...]:
    """The steps that make what everything else is put into: cluster, emulator and its data, as far as it has them."""
    if stack.emulator is None:
        return (ids.CLUSTER,)
    return (ids.CLUSTER, ids.EMULATOR, *((ids.SEEDS,) if stack.seeds else ()))


def _with_needs(plan: Plan, steps: Iterable[StepId]) -> frozenset[StepId]:
    needs = {step.id: step.needs for step in plan.steps}
    found: set[StepId] = set()
    waiting = list(steps)
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting += needs[step]
    return frozenset(found)
