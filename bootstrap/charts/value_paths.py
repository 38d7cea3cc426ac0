"""Where the values of a chart, its own defaults among them, hold a value under a key."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.charts.archive import ChartFiles
from bootstrap.charts.unknown_values import chart_defaults, subcharts_of


def value_paths(values: Mapping[str, Any], chart: ChartFiles, key: str, value: object) -> tuple[str, ...]:
    """Paths that end in `key` and hold `value`, with the release's values over those of the chart and its subcharts."""
    return tuple(".".join(path) for path in _holding(_all_values(values, chart), key, value, ()))


def _all_values(values: Mapping[str, Any], chart: ChartFiles) -> Mapping[str, Any]:
    below = {name: _all_values({}, subchart) for name, subchart in subcharts_of(chart)}
    return _over(_over(below, chart_defaults(chart)), values)


def _over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(lower[key], value)
        for key, value in upper.items()
        if isinstance(value, Mapping) and isinstance(lower.get(key), Mapping)
    }
    return {**lower, **upper, **both}


def _holding(values: object, key: str, value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(values, Mapping):
        for name, each in values.items():
            here = (*path, str(name))
            if name == key and each == value:
                yield here
            yield from _holding(each, key, value, here)
    elif isinstance(values, list):
        for number, each in enumerate(values):
            yield from _holding(each, key, value, (*path, str(number)))
