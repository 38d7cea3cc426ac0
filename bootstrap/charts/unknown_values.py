"""Values that a chart does not read: a misspelt key is ignored by helm, silently, and costs people days."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.charts.archive import ChartFiles, is_packed_subchart, read_archive
from bootstrap.charts.value_reads import Reads
from bootstrap.model.release import UnknownValue
from bootstrap.yamltext.kubernetes import YamlError, load
from bootstrap.yamltext.positions import nearest

_READS_ALL = (
    r"(?:toYaml|toJson|tpl|range|with|include|merge\w*|mustMerge\w*|deepCopy|omit|pick)\b[^}}]*\.{key}\b|\"{key}\""
)
"""A template that hands a whole map on reads every key in it."""
_EVERYWHERE = frozenset({"global", "tags"})


def unknown_values(values: Mapping[str, Any], chart: ChartFiles) -> tuple[UnknownValue, ...]:
    """Every such key, the outermost only.

    Templates are parsed for what they read. Where one hands a map on as a whole, every key in it counts as known, and
    so do the keys of the chart's own defaults: this may miss a mistake, and accuses nobody wrongly.
    """
    return tuple(_unknown(values, _Known.of(chart), ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What a chart says about its values."""

    defaults: Mapping[str, Any]
    templates: str
    reads: Reads
    subcharts: Mapping[str, ChartFiles]
    """By the key that their values stand under."""

    @classmethod
    def of(cls, chart: ChartFiles) -> "_Known":
        text = "\n".join(
            content.decode(errors="replace")
            for path, content in chart.files.items()
            if "/templates/" in f"/{path}" and not path.startswith("charts/")
        )
        reads, subcharts = Reads.of(chart), dict(subcharts_of(chart))
        return cls(defaults=chart_defaults(chart), templates=text, reads=reads, subcharts=subcharts)

    def reads_all(self, key: str) -> bool:
        return re.search(_READS_ALL.format(key=re.escape(key)), self.templates) is not None


def _unknown(values: Mapping[str, Any], chart_values: _Known, path: tuple[str, ...]) -> Iterator[UnknownValue]:
    defaults = _at(chart_values.defaults, path)
    for name, value in values.items():
        key = str(name)
        here = (*path, key)
        if not path and key in chart_values.subcharts and isinstance(value, Mapping):
            below = unknown_values(value, chart_values.subcharts[key])
            yield from (UnknownValue(path=f"{key}.{unknown.path}", near=unknown.near) for unknown in below)
        elif not path and (key in _EVERYWHERE or key in chart_values.subcharts):
            continue
        elif not isinstance(defaults, Mapping) or key not in defaults:
            if not chart_values.reads.cover(here):
                near = nearest(key, [str(default) for default in defaults]) if isinstance(defaults, Mapping) else None
                yield UnknownValue(path=".".join(here), near=near)
        elif isinstance(value, Mapping) and defaults[key] and not chart_values.reads_all(key):
            yield from _unknown(value, chart_values, here)


def _at(values: object, path: tuple[str, ...]) -> object:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def chart_defaults(chart: ChartFiles) -> Mapping[str, Any]:
    """Its values.yaml; empty if it has none, or none that can be read."""
    try:
        defaults = load(chart.files.get("values.yaml", b"").decode(errors="replace"))
    except YamlError:
        return {}
    return defaults if isinstance(defaults, Mapping) else {}


def subcharts_of(chart: ChartFiles) -> Iterator[tuple[str, ChartFiles]]:
    """Those in charts/, as folders or archives, by name and by the alias that Chart.yaml gives them."""
    metadata = load(chart.files["Chart.yaml"].decode(errors="replace"))
    aliases: dict[str, list[str]] = {}
    for dependency in (metadata or {}).get("dependencies") or () if isinstance(metadata, Mapping) else ():
        aliases.setdefault(str(dependency["name"]), []).append(str(dependency.get("alias") or dependency["name"]))
    for files in (*_archives(chart), *_folders(chart)):
        for key in aliases.get(files.name, [files.name]):
            yield key, files


def _archives(chart: ChartFiles) -> Iterator[ChartFiles]:
    for path, content in chart.files.items():
        if is_packed_subchart(path) and path.count("/") == 1:
            yield read_archive(content, path)


def _folders(chart: ChartFiles) -> Iterator[ChartFiles]:
    for path in chart.files:
        match = re.fullmatch(r"(charts/[^/]+/)Chart\.yaml", path)
        if match is None:
            continue
        below = match[1]
        files = {name.removeprefix(below): part for name, part in chart.files.items() if name.startswith(below)}
        metadata = load(files["Chart.yaml"].decode(errors="replace"))
        name = str(metadata["name"]) if isinstance(metadata, Mapping) and "name" in metadata else below.split("/")[1]
        yield ChartFiles(name=name, version="", files=files)
