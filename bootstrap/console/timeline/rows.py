"""Puts what overlaps into rows of their own."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_rows(items: Iterable[T], times: Callable[[T], tuple[float, float]]) -> Sequence[Sequence[T]]:
    """The items in as few rows as they need; in a row, each begins when the one before has ended."""
    rows: list[list[T]] = []
    ends: list[float] = []
    for item in sorted(items, key=times):
        start, end = times(item)
        row = next((number for number, free in enumerate(ends) if free <= start), None)
        if row is None:
            rows.append([item])
            ends.append(end)
        else:
            rows[row].append(item)
            ends[row] = end
    return rows
