"""What a chart's templates ask of the cluster's API while they are rendered."""

import re
from collections.abc import Iterable, Iterator, Mapping

from bootstrap.charts.archive import read_archive

_ASKS = re.compile(rb"\.APIVersions\b(?:\.Has\s+\(?\s*(?:\"(?P<literal>[^\"%]+)\"))?")
ANYTHING = "*"
"""A chart asks for what only its templates know."""


def asked_apis(files: Mapping[str, bytes]) -> frozenset[str]:
    """The `group/version` or `group/version/Kind` it looks for, those of its packed subcharts too."""
    return frozenset(_asked(files))


def is_concerned(asked: Iterable[str], there: Iterable[str]) -> bool:
    """Whether it renders otherwise when these APIs are there."""
    wanted, found = frozenset(asked), frozenset(there)
    return bool(found) and (ANYTHING in wanted or not wanted.isdisjoint(found))


def _asked(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, content in files.items():
        if path.endswith(".tgz"):
            yield from _asked(read_archive(content, path).files)
        elif "templates/" in path:
            for found in _ASKS.finditer(content):
                literal = found["literal"]
                yield ANYTHING if literal is None else literal.decode()
