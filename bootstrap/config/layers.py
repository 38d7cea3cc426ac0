"""Merges values from several sources; later sources win, and each value keeps its origin."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from bootstrap.config.fields import Checker, Field, Kind, NamedSections, Section, Text, TextMap, Written
from bootstrap.errors import InvalidError, Place, Problem, UsageError
from bootstrap.yamltext.positions import ValuePath, parse_documents, path_text

_PART = re.compile(r'\.?(?:([^\W\d][\w-]*)|\["([^"]*)"\])')


class Source(StrEnum):
    """The source of a value; a later one overrides an earlier one."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A value, its place, and the folder that its relative paths start from."""

    value: Any
    source: Source
    place: Place
    folder: Path
    parts: tuple[Place, ...] = ()
    """The places of the items of a list."""

    @property
    def origin(self) -> str:
        """`stacks/dev.yaml:14`, `--set`, `BOOTSTRAP_SET_cluster__provider` or `default`."""
        return str(Place(file=self.place.file, line=self.place.line))


Values: TypeAlias = dict[ValuePath, Given]
"""By path; sections and text maps are split into their values, lists are not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """All values of one source."""

    source: Source
    value: Mapping[str, Any]
    place: Callable[[ValuePath], Place]
    folder: Path
    written: Written = field(default=lambda _path: None)


def merge(table: Section, layers: Iterable[Layer], problems: list[Problem]) -> Values:
    """The effective values: each layer overrides those before it. Wrong values go to `problems` and are left out."""
    defaults = _defaults(table)
    values = dict(defaults)
    for layer in layers:
        faults = tuple(
            Checker(written=layer.written, partial=layer.source is not Source.FILE).faults(table, layer.value)
        )
        wrong = {fault.path for fault in faults}
        problems.extend(Problem(place=layer.place(fault.path), text=fault.text) for fault in faults)
        for path, value in _flattened(table, layer.value, ()):
            if not any(path[: len(bad)] == bad or bad[: len(path)] == path for bad in wrong):
                _put(values, path, _given(layer, path, value))
                values |= {
                    default_path: default
                    for default_path, default in defaults.items()
                    if value is None and default_path[: len(path)] == path
                }
    return values


def assignment(text: str, flag: str, table: Section, folder: Path) -> Layer:
    """The layer of `path=value`, the value read as YAML, or as text if the table requires text.

    Raises:
        UsageError: it is not of the form PATH=VALUE.
        InvalidError: the value is not YAML.
    """
    path, rest = _split_path(text)
    if not path or not rest.startswith("="):
        raise UsageError(f"{flag} {text}: is not key=value", fix=f"write {flag} cluster.provider=kind")
    return at_path(path, rest[1:], flag, Source.FLAG, table=table, folder=folder)


def at_path(path: ValuePath, text: str, name: str, source: Source, *, table: Section, folder: Path) -> Layer:
    """The layer in which only `path` is given, as the text `text`; `name` is shown as its place."""
    value: Any = _read(text, _kind_at(table, path), Place(file=name, path=path_text(path)))
    for part in reversed(path):
        value = {part: value}

    def place(inside: ValuePath) -> Place:
        return Place(file=name, path=path_text(inside) or None)

    return Layer(source=source, value=value, place=place, folder=folder)


def _read(text: str, kind: Kind | None, place: Place) -> object:
    """The value of `text`: unchanged if the table requires text, unless it is null or in quotes; else YAML."""
    # `--set cluster.kubernetes=1.30` is not a number, and a path may hold ` #`.
    if isinstance(kind, Text) and text not in {"", "~", "null"} and text[0] not in "\"'":
        return text
    try:
        documents = parse_documents(text, file=place.file)
    except InvalidError as error:
        # A line number within one argument does not help.
        raise InvalidError([Problem(place=place, text=problem.text) for problem in error.problems]) from error
    return documents[0].value if documents else None


def _split_path(text: str) -> tuple[tuple[str, ...], str]:
    """The keys of `cluster.ports.http` or `mirrors["https://a.b"]` at the beginning, and what follows them."""
    parts: list[str] = []
    position = 0
    while (match := _PART.match(text, position)) is not None:
        parts.append(match[1] if match[1] is not None else match[2])
        position = match.end()
    return tuple(parts), text[position:]


def _kind_at(kind: Kind, path: ValuePath) -> Kind | None:
    for part in path:
        if isinstance(kind, TextMap):
            kind = Text()
        elif isinstance(kind, NamedSections):
            kind = kind.of
        elif isinstance(kind, Section) and part in kind.fields:
            kind = kind.fields[str(part)].kind
        else:
            return None
    return kind


def _defaults(table: Section) -> Values:
    def given(path: ValuePath, value: object) -> Given:
        place = Place(file=Source.DEFAULT.value, path=path_text(path))
        return Given(value=value, source=Source.DEFAULT, place=place, folder=Path())

    return {path: given(path, leaf.default) for path, leaf in leaves(table) if leaf.default is not None}


def leaves(table: Section, path: ValuePath = ()) -> Iterator[tuple[ValuePath, Field]]:
    """Every field that is not a section, with its path."""
    for name, inner in table.fields.items():
        here = (*path, name)
        if isinstance(inner.kind, Section):
            yield from leaves(inner.kind, here)
        else:
            yield here, inner


def _flattened(kind: Kind, value: object, path: ValuePath) -> Iterator[tuple[ValuePath, Any]]:
    if isinstance(kind, Section) and isinstance(value, Mapping):
        for key, part in value.items():
            if key in kind.fields:
                yield from _flattened(kind.fields[key].kind, part, (*path, key))
    elif isinstance(kind, NamedSections) and isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flattened(kind.of, part, (*path, key))
    elif isinstance(kind, TextMap) and isinstance(value, Mapping):
        yield from (((*path, key), part) for key, part in value.items())
    else:
        yield path, value


def _given(layer: Layer, path: ValuePath, value: object) -> Given:
    parts = tuple(layer.place((*path, number)) for number in range(len(value))) if isinstance(value, list) else ()
    return Given(value=value, source=layer.source, place=layer.place(path), folder=layer.folder, parts=parts)


def _put(values: Values, path: ValuePath, given: Given) -> None:
    """Set a value, or remove it; `emulator: false` and `emulator.driver: moto` override each other."""
    for other in [value for value in values if value[: len(path)] == path or path[: len(value)] == value]:
        if other == path or values[other].source is not Source.DEFAULT:
            del values[other]
    if given.value is not None:
        values[path] = given
