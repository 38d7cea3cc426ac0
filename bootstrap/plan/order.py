"""Orders steps by their edges: declared edges win over inferred ones, listed order fills the gaps."""

import heapq
from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.release import Note
from bootstrap.model.step import Edge, EdgeKind, StepId

_STRENGTH = {EdgeKind.STRUCTURE: 0, EdgeKind.DEPENDS_ON: 1, EdgeKind.INFERRED: 2, EdgeKind.LISTED: 3}


class Graph:
    """Steps and the edges between them; never holds a cycle."""

    def __init__(self, steps: Iterable[StepId]) -> None:
        self._edges: dict[StepId, dict[StepId, Edge]] = {step: {} for step in steps}

    def add(self, edge: Edge) -> tuple[Edge, ...]:
        """Add the edge; or, if it would close a cycle, leave it out and return the edges it contradicts.

        An edge to or from a step that does not exist, or to itself, is left out too.
        """
        if edge.step not in self._edges or edge.needs not in self._edges or edge.step == edge.needs:
            return ()
        way_back = self._way(edge.needs, edge.step)
        if not way_back:
            self._edges[edge.step].setdefault(edge.needs, edge)
        return way_back

    def needs(self, step: StepId) -> tuple[StepId, ...]:
        """What this step needs, without what one of those needs anyway."""
        direct = tuple(self._edges[step])
        return tuple(need for need in direct if not any(self._way(other, need) for other in direct if other != need))

    def edges(self) -> tuple[Edge, ...]:
        """Every edge, by step."""
        return tuple(edge for needs in self._edges.values() for edge in needs.values())

    def ordered(self) -> tuple[StepId, ...]:
        """The steps so that each comes after its needs, otherwise in the order they were given in."""
        place = {step: number for number, step in enumerate(self._edges)}
        sorter = TopologicalSorter(self._edges)
        sorter.prepare()
        ready: list[int] = []
        order: list[StepId] = []
        steps = tuple(self._edges)
        while sorter.is_active():
            for step in sorter.get_ready():
                heapq.heappush(ready, place[step])
            step = steps[heapq.heappop(ready)]
            order.append(step)
            sorter.done(step)
        return tuple(order)

    def _way(self, start: StepId, goal: StepId) -> tuple[Edge, ...]:
        """The edges by which `start` needs `goal`, shortest way; empty when it does not."""
        reached: dict[StepId, tuple[Edge, ...]] = {start: ()}
        frontier = [start]
        while frontier:
            beyond = []
            for step in frontier:
                for need, edge in self._edges[step].items():
                    if need not in reached:
                        reached[need] = (*reached[step], edge)
                        beyond.append(need)
            if goal in reached:
                return reached[goal]
            frontier = beyond
        return ()


def build_graph(steps: Sequence[StepId], edges: Iterable[Edge]) -> tuple[Graph, tuple[Note, ...]]:
    """The graph of these edges, the strongest kind first, and a note for each inferred edge left out.

    Raises:
        InvalidError: the declared dependencies form a cycle; names each edge with its reason.
    """
    graph, notes, problems = Graph(steps), [], []
    for edge in sorted(edges, key=lambda edge: _STRENGTH[edge.kind]):
        contradicted = graph.add(edge)
        if not contradicted:
            continue
        circle = "; ".join(f"{link.step} needs {link.needs} ({link.reason})" for link in (edge, *contradicted))
        if edge.kind in {EdgeKind.DEPENDS_ON, EdgeKind.STRUCTURE}:
            problems.append(Problem(place=Place(file=edge.step), text=f"depends on itself: {circle}"))
        elif edge.kind is EdgeKind.INFERRED:
            notes.append(Note(text=f"the declared order wins over the one inferred from manifests: {circle}"))
    if problems:
        raise InvalidError(problems, fix="remove one of these dependencies")
    return graph, tuple(notes)
