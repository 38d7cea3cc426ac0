"""The critical path: the chain of work that the end of a run had to wait for.

It is followed from the end of the run to its beginning. A step could begin when the last of those that it waits for
had ended; if that was long before, it began when another one ended, and gave it its place among the steps that run at
once. What nobody accounts for stays on the path as a segment without a bar, so that the sum is always the whole run.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bootstrap.console.timeline.model import Bar, Segment

_AT_ONCE = 0.05
"""Seconds between an end and a beginning that belong to the step that begins: nobody else is waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A bar, and the numbers of the records with which it began and ended."""

    bar: Bar
    began: int
    ended: int


class Releases:
    """What let each bar begin."""

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self._by_end = sorted(recorded, key=lambda each: each.ended)
        self._ends = [each.ended for each in self._by_end]
        self._by_name: dict[str, list[Recorded]] = {}
        for each in self._by_end:
            self._by_name.setdefault(each.bar.id, []).append(each)

    def before(self, each: Recorded) -> tuple[Recorded | None, str]:
        """What ended right before it began, and how the two are connected."""
        needs = {wait.step: wait for wait in each.bar.waits}
        # Whatever the numbers say, nothing comes before itself: the path gets shorter with each bar.
        latest = min(each.began, each.ended - 1)
        need = max(self._ended(needs, latest), key=lambda other: other.ended, default=None)
        if need is not None and each.bar.start - need.bar.end <= _AT_ONCE:
            reason = needs[need.bar.id].reason
            return need, f"needs {need.bar.id}" + (f": {reason}" if reason else "")
        at = bisect_right(self._ends, latest)
        other = self._by_end[at - 1] if at else None
        return other, "" if other is None else f"began when {other.bar.id} had ended"

    def _ended(self, needs: Iterable[str], latest: int) -> Iterator[Recorded]:
        for need in needs:
            yield from (other for other in self._by_name.get(need, ()) if other.ended <= latest)

    def marked(self, each: Recorded) -> Bar:
        """The bar with what let it begin."""
        before, _ = self.before(each)
        if before is None:
            return replace(each.bar, waited=each.bar.start)
        return replace(each.bar, after=before.bar.id, waited=max(0.0, each.bar.start - before.bar.end))

    def last(self) -> Recorded | None:
        """The bar that ended last."""
        return self._by_end[-1] if self._by_end else None


def critical_path(releases: Releases, seconds: float) -> tuple[Segment, ...]:
    """The path of a run that took this long, from its beginning to its end."""
    segments: list[Segment] = []
    last = releases.last()
    now = _gap(segments, 0.0 if last is None else last.bar.end, seconds)
    while last is not None:
        before, why = releases.before(last)
        start = min(last.bar.start, now)
        if now > start:
            segments.append(Segment(bar=last.bar.id, start=start, end=now, why=why))
        now = _gap(segments, 0.0 if before is None else min(before.bar.end, start), start)
        last = before
    return tuple(reversed(segments))


def _gap(segments: list[Segment], start: float, end: float) -> float:
    """Add what is between two bars, if it is more than the beginning of a step takes; where the path goes on."""
    if end - start <= _AT_ONCE:
        return end
    segments.append(Segment(bar="", start=start, end=end, why="between two steps"))
    return start
