"""Selects a part of a plan: only some steps, or all except for some."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from bootstrap.model.release import Note, Release
from bootstrap.model.stack import Stack
from bootstrap.model.step import Plan, PullCharts, Step, StepId
from bootstrap.plan import ids
from bootstrap.plan.ids import find_step
from bootstrap.plan.needs import strict_needs, without
from bootstrap.plan.order import build_graph

CHARTS_TIMEOUT = timedelta(minutes=5)


def select(plan: Plan, *, only: Sequence[str] = (), skip: Sequence[str] = ()) -> Plan:
    """The steps named in `only` with what they strictly need, less those named in `skip`.

    A step that is only listed before another one is not selected with it. Steps that need a skipped step are performed
    nevertheless, after what the skipped one needs; a note reports it.

    Raises:
        UsageError: a name matches no step, or several.
    """
    step_ids = [step.id for step in plan.steps]
    strict = strict_needs(plan)
    chosen = _with_needs(strict, [find_step(name, step_ids) for name in only]) if only else frozenset(step_ids)
    skipped = frozenset(find_step(name, step_ids) for name in skip)
    removed = frozenset(step_ids) - (chosen - skipped)
    if not removed:
        return plan
    edges = without(plan, removed)
    kept = [step for step in plan.steps if step.id not in removed]
    graph, _ = build_graph([step.id for step in kept], edges)
    steps = tuple(dataclasses.replace(step, needs=graph.needs(step.id)) for step in kept)
    notes = [
        Note(text=f"{step.id} needs {need}, which is skipped")
        for step in kept
        for need in _own_needs(strict, step.id)
        if need in skipped
    ]
    return dataclasses.replace(plan, steps=steps, edges=edges, notes=(*plan.notes, *notes))


def before_charts(plan: Plan, lacking: Sequence[Release]) -> Plan:
    """The steps that need no missing charts, and the step that pulls these: the rest is planned afterwards.

    Releases whose manifests are not known could only be installed one by one.
    """
    early: dict[StepId, Step] = {}
    for step in plan.steps:
        if step.id in {ids.CLUSTER, ids.NODES, ids.EMULATOR, ids.SEEDS} and all(need in early for need in step.needs):
            early[step.id] = step
    charts = Step(
        id=ids.CHARTS,
        action=PullCharts(releases=tuple(lacking)),
        reason=f"not in the cache: {', '.join(release.id for release in lacking)}",
        timeout=CHARTS_TIMEOUT,
    )
    edges = tuple(edge for edge in plan.edges if edge.step in early and edge.needs in early)
    return Plan(steps=(*early.values(), charts), edges=edges)


def targets(stack: Stack) -> tuple[StepId, ...]:
    """The steps that everything else is put into: cluster, emulator and its data, if the plan has them."""
    if stack.emulator is None:
        return (ids.CLUSTER,)
    return (ids.CLUSTER, ids.EMULATOR, *((ids.SEEDS,) if stack.seeds else ()))


def _own_needs(strict: Mapping[StepId, Sequence[StepId]], step: StepId) -> Iterator[StepId]:
    """The strict needs of a step that no other of them brings along."""
    for need in strict[step]:
        others = [other for other in strict[step] if other != need]
        if need not in _with_needs(strict, others):
            yield need


def _with_needs(strict: Mapping[StepId, Sequence[StepId]], steps: Iterable[StepId]) -> frozenset[StepId]:
    """These steps and all that they strictly need, near or far."""
    needed: set[StepId] = set()
    waiting = list(steps)
    while waiting:
        step = waiting.pop()
        if step not in needed:
            needed.add(step)
            waiting += strict[step]
    return frozenset(needed)
