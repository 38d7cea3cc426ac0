"""Marks of a time axis."""

from collections.abc import Sequence

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def ticks(seconds: float, most: int) -> Sequence[float]:
    """The times to mark on an axis of this length: round ones, at most `most` besides 0."""
    step = next((each for each in _STEPS if seconds / each <= most), seconds / most)
    return [number * step for number in range(int(seconds / step) + 1)]


def tick_text(seconds: float) -> str:
    """`0`, `0.5s`, `40s`, `2m`, `1m30s`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:g}s" if seconds else "0"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if rest else f"{minutes}m"
