"""Places the steps of a graph in columns, so that every line leads to the right.

The layered drawing of Sugiyama, Tagawa and Toda (1981): a column is the longest way to a step, lines over several
columns pass through places of their own, and a few sweeps put each step near the middle of its neighbours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 6

Line = tuple[str, str]
"""From the step that is needed to the one that needs it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where everything is."""

    columns: Sequence[Sequence[str]]
    """From left to right; in each the names from top to bottom, those of passing lines among them."""
    ways: Mapping[Line, Sequence[str]]
    """By line, the names that it goes through, its ends included."""


def laid_out(names: Sequence[str], lines: Iterable[Line]) -> Layout:
    """The layout of these steps, given in an order in which each comes after those it needs."""
    known = set(names)
    whole = [line for line in dict.fromkeys(lines) if set(line) <= known and line[0] != line[1]]
    column = _columns(names, whole)
    ways = {line: _way(line, column) for line in whole}
    columns: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for name in names:
        columns[column[name]].append(name)
    for line, way in ways.items():
        for distance, passing in enumerate(way[1:-1], start=1):
            columns[column[line[0]] + distance].append(passing)
    return Layout(columns=_ordered(columns, ways.values()), ways=ways)


def without_detours(names: Sequence[str], lines: Iterable[Line]) -> Sequence[Line]:
    """The lines that no other way replaces."""
    needs: dict[str, list[str]] = {name: [] for name in names}
    for needed, name in lines:
        if name in needs and needed in needs:
            needs[name].append(needed)
    before: dict[str, set[str]] = {}
    kept: list[Line] = []
    for name in names:
        through = set().union(*(before.get(needed, set()) for needed in needs[name]))
        kept += [(needed, name) for needed in dict.fromkeys(needs[name]) if needed not in through]
        before[name] = through.union(needs[name])
    return kept


def _columns(names: Sequence[str], lines: Iterable[Line]) -> Mapping[str, int]:
    needs: dict[str, list[str]] = {}
    for needed, name in lines:
        needs.setdefault(name, []).append(needed)
    column: dict[str, int] = {}
    for name in names:
        column[name] = max((column.get(needed, -1) + 1 for needed in needs.get(name, ())), default=0)
    return column


def _way(line: Line, column: Mapping[str, int]) -> Sequence[str]:
    needed, name = line
    between = range(column[needed] + 1, column[name])
    return (needed, *(f"{needed}\0{name}\0{number}" for number in between), name)


def _ordered(columns: list[list[str]], ways: Iterable[Sequence[str]]) -> Sequence[Sequence[str]]:
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for way in ways:
        for one, other in pairwise(way):
            left.setdefault(other, []).append(one)
            right.setdefault(one, []).append(other)
    for sweep in range(_SWEEPS):
        forwards = sweep % 2 == 0
        neighbours = left if forwards else right
        for number in range(len(columns)) if forwards else reversed(range(len(columns))):
            _sort(columns, number, neighbours)
    return columns


def _sort(columns: list[list[str]], number: int, neighbours: Mapping[str, Sequence[str]]) -> None:
    """Put each name of a column at the mean height of its neighbours; those without stay where they are."""
    beside = [other for other in (number - 1, number + 1) if 0 <= other < len(columns)]
    height = {name: (at + 0.5) / len(columns[other]) for other in beside for at, name in enumerate(columns[other])}
    column = columns[number]
    means = {
        name: _mean([height[other] for other in neighbours.get(name, ()) if other in height], (at + 0.5) / len(column))
        for at, name in enumerate(column)
    }
    columns[number] = sorted(column, key=lambda name: means[name])


def _mean(heights: Sequence[float], otherwise: float) -> float:
    return sum(heights) / len(heights) if heights else otherwise
