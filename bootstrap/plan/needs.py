"""What must have ended, and what must have ended well, before a step of a plan starts."""

from collections.abc import Collection, Iterable, Mapping

from bootstrap.model.step import Edge, EdgeKind, Plan, StepId
from bootstrap.plan.consent import blocks_nobody


def strict_needs(plan: Plan) -> Mapping[StepId, tuple[StepId, ...]]:
    """By step, every step of the plan that must have ended well before it starts.

    These are all its edges except for listed order, also those that `Step.needs` leaves out because another need
    implies them: that other one may be listed order, which a failure does not stop. A refused replacement
    stops no step if the old one still works.
    """
    living = {step.id for step in plan.steps if blocks_nobody(step)}
    listed = {(edge.step, edge.needs) for edge in plan.edges if edge.kind is EdgeKind.LISTED}
    needs: dict[StepId, dict[StepId, None]] = {
        step.id: {need: None for need in step.needs if (step.id, need) not in listed} for step in plan.steps
    }
    for edge in plan.edges:
        if edge.kind is not EdgeKind.LISTED and edge.step in needs and edge.needs in needs:
            needs[edge.step][edge.needs] = None
    return {step: tuple(need for need in strict if need not in living) for step, strict in needs.items()}


def without(plan: Plan, removed: Collection[StepId]) -> tuple[Edge, ...]:
    """The edges of the plan once these steps are taken out: who came after one comes after what that one came after.

    An edge that leads through listed order is listed order itself.
    """
    direct: dict[StepId, list[Edge]] = {}
    for edge in plan.edges:
        direct.setdefault(edge.step, []).append(edge)
    through: dict[StepId, tuple[Edge, ...]] = {}
    edges: list[Edge] = []
    for step in plan.steps:
        own = tuple(_around(direct.get(step.id, ()), through))
        if step.id in removed:
            through[step.id] = own
        else:
            edges += own
    return tuple(edges)


def _around(edges: Iterable[Edge], through: Mapping[StepId, tuple[Edge, ...]]) -> Iterable[Edge]:
    """These edges, each to a removed step replaced by the edges that go on from there; the strongest of a pair."""
    inherited: dict[StepId, Edge] = {}
    for edge in edges:
        for onward in (edge,) if edge.needs not in through else _joined(edge, through[edge.needs]):
            existing = inherited.get(onward.needs)
            if existing is None or existing.kind is EdgeKind.LISTED:
                inherited[onward.needs] = onward
    return inherited.values()


def _joined(edge: Edge, onward: Iterable[Edge]) -> Iterable[Edge]:
    for following in onward:
        listed = EdgeKind.LISTED in {edge.kind, following.kind}
        kind = EdgeKind.LISTED if listed else edge.kind
        yield Edge(step=edge.step, needs=following.needs, kind=kind, reason=f"{edge.reason}, {following.reason}")


class Gate:
    """Decides when a step may start: once all steps before it, direct or indirect, have ended."""

    def __init__(self, plan: Plan, ended: Iterable[StepId] = ()) -> None:
        self._bits = {step.id: 1 << number for number, step in enumerate(plan.steps)}
        self._before = _closure(plan, self._bits)
        self._ended = 0
        for step in ended:
            self.end(step)

    def end(self, step: StepId) -> None:
        """Note that this step has ended, well or not."""
        self._ended |= self._bits.get(step, 0)

    def is_open(self, step: StepId) -> bool:
        """Whether nothing that comes before the step is still to end."""
        return not self._before[step] & ~self._ended


def _closure(plan: Plan, bits: Mapping[StepId, int]) -> dict[StepId, int]:
    """By step, the bits of all that comes before it. A step has few needs of its own, but many through others."""
    direct: dict[StepId, set[StepId]] = {step.id: {need for need in step.needs if need in bits} for step in plan.steps}
    for edge in plan.edges:
        if edge.step in direct and edge.needs in direct:
            direct[edge.step].add(edge.needs)
    before = dict.fromkeys(direct, 0)
    changed = True
    # A plan is in an order in which its steps could run: the second pass changes nothing.
    while changed:
        changed = False
        for step, needs in direct.items():
            mask = 0
            for need in needs:
                mask |= bits[need] | before[need]
            if mask != before[step]:
                before[step], changed = mask, True
    return before
