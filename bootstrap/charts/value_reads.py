"""Which values the templates of a chart read, by parsing their actions: `.Values.a.b`, `index .Values "a" "b"`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bootstrap.charts.archive import ChartFiles, is_packed_subchart, read_archive

_ACTION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_READ = re.compile(r"\.Values\b(?P<chain>(?:\.\w+)*)")
_QUOTED = re.compile(r"\s+\"([^\"]*)\"")
_BEFORE = re.compile(r"\b(?:index|get|hasKey|dig)\s+(?P<keys>(?:\"[^\"]*\"\s+)*)[\w$.()]*$")
_ASKED_ONLY = re.compile(r"\s*(?:else\s+)?if\b(?:\s|\(|\)|and\b|or\b|not\b|[$.\w]+)*\s*")
"""A condition that only asks whether something is there: no function sees what is in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    path: tuple[str, ...]
    whole: bool
    """Whether what is there goes on to something that may read all that is in it."""


class Reads:
    """What is read; in doubt more rather than less."""

    def __init__(self, reads: Iterable[_Read]) -> None:
        self._paths: set[tuple[str, ...]] = set()
        self._whole: set[tuple[str, ...]] = set()
        for read in reads:
            self._paths.update(read.path[:length] for length in range(len(read.path) + 1))
            if read.whole:
                self._whole.add(read.path)

    @classmethod
    def of(cls, chart: ChartFiles) -> "Reads":
        """By the chart's own files and its subcharts', which may be handed the chart's values."""
        return cls(read for text in _texts(chart) for read in _reads(text))

    def cover(self, path: tuple[str, ...]) -> bool:
        """Whether a value at this path is read: itself, something in it, or all of something that it is in."""
        return path in self._paths or any(path[:length] in self._whole for length in range(len(path) + 1))


def _texts(chart: ChartFiles) -> Iterator[str]:
    """Files that may hold actions: templates, and texts that templates evaluate with `tpl`."""
    for path, content in chart.files.items():
        if is_packed_subchart(path):
            yield from _texts(read_archive(content, path))
        elif b"{{" in content and ".Values" in (text := content.decode(errors="replace")):
            yield text


def _reads(text: str) -> Iterator[_Read]:
    for action in _ACTION.finditer(text):
        code = _COMMENT.sub("", action[1])
        asked_only = _ASKED_ONLY.fullmatch(code) is not None
        for match in _READ.finditer(code):
            chain = tuple(filter(None, match["chain"].split(".")))
            before, keys = _BEFORE.search(code[: match.start()]), []
            if before is not None:
                at = match.end()
                while (quoted := _QUOTED.match(code, at)) is not None:
                    keys.append(quoted[1])
                    at = quoted.end()
                keys = keys or re.findall(r"\"([^\"]*)\"", before["keys"])
            yield _Read(path=(*chain, *keys), whole=not asked_only)
