"""What a chart's templates ask of the cluster's API while they are rendered."""

import re
from collections.abc import Iterable, Iterator, Mapping

from bootstrap.charts.archive import is_packed_subchart, read_archive

_ASKS = re.compile(rb"\.APIVersions\b(?:\.Has\s+\(?\s*(?:\"(?P<literal>[^\"%]+)\"))?")
_IN_CRDS = re.compile(r"^(?:charts/[^/]+/)*crds/.+\.ya?ml$")
_SEPARATOR = re.compile(rb"^---.*$", re.MULTILINE)
_DEFINITION = re.compile(rb"^kind: [\"']?CustomResourceDefinition\b", re.MULTILINE)
_GROUP = re.compile(rb"^  group: [\"']?([\w.-]+)", re.MULTILINE)
_DEFINED_KIND = re.compile(rb"^  names:\n(?:    .*\n)*?    kind: [\"']?(\w+)", re.MULTILINE)
_VERSION = re.compile(rb"^(?:  - |    |    - |      )name: [\"']?(v\d\w*)[\"']?[ \t]*$", re.MULTILINE)
_LOOKUP = re.compile(rb"\blookup\s+(?:\"(?P<api>[^\"]+)\"\s+\"(?P<kind>[^\"]+)\"|[$.(\"])")
ANYTHING = "*"
"""A chart asks for what only its templates know."""


def asked_apis(files: Mapping[str, bytes]) -> frozenset[str]:
    """The `group/version` or `group/version/Kind` it looks for, those of its packed subcharts too."""
    return frozenset(_asked(files))


def is_concerned(asked: Iterable[str], there: Iterable[str]) -> bool:
    """Whether it renders otherwise when these APIs are there."""
    declared, present = frozenset(asked), frozenset(there)
    return bool(present) and (ANYTHING in declared or not declared.isdisjoint(present))


def folder_apis(files: Mapping[str, bytes]) -> frozenset[str]:
    """The `group/version` and `group/version/Kind` that definitions in crds/ add, as far as their text shows at once.

    Definitions are long, and read as a whole only if the chart is rendered: one that is written in another way than
    the usual one is known from then on.
    """
    return frozenset(_defined(files))


def lookups(files: Mapping[str, bytes]) -> frozenset[str]:
    """What its templates look up in the cluster while they are rendered, such as `v1 Secret`; subcharts' too.

    A kind that only the template knows is `something`.
    """
    return frozenset(_looked_up(files))


def _looked_up(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, content in files.items():
        if is_packed_subchart(path):
            yield from _looked_up(read_archive(content, path).files)
        elif "templates/" in path:
            for match in _LOOKUP.finditer(content):
                if content.rfind(b"{{", 0, match.start()) <= content.rfind(b"}}", 0, match.start()):
                    continue
                kind = match["kind"]
                yield "something" if kind is None else f"{match['api'].decode()} {kind.decode()}"


def is_definition_file(path: str) -> bool:
    """Whether helm takes this file of a chart for definitions, in crds/ of the chart or of an unpacked subchart."""
    return _IN_CRDS.match(path) is not None


def _defined(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, content in files.items():
        if is_packed_subchart(path):
            yield from _defined(read_archive(content, path).files)
        elif is_definition_file(path):
            for document in _SEPARATOR.split(content):
                yield from _added(document)


def _added(document: bytes) -> Iterator[str]:
    group, kind = _GROUP.search(document), _DEFINED_KIND.search(document)
    if group is None or kind is None or not _DEFINITION.search(document):
        return
    _, _, versions = document.partition(b"\n  versions:\n")
    for match in _VERSION.finditer(versions):
        name = f"{group[1].decode()}/{match[1].decode()}"
        yield name
        yield f"{name}/{kind[1].decode()}"


def _asked(files: Mapping[str, bytes]) -> Iterator[str]:
    for path, content in files.items():
        if is_packed_subchart(path):
            yield from _asked(read_archive(content, path).files)
        elif "templates/" in path:
            for match in _ASKS.finditer(content):
                literal = match["literal"]
                yield ANYTHING if literal is None else literal.decode()
