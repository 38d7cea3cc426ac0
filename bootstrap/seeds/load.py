"""Fixture files → fixtures, every problem at once."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.labels import API_VERSION
from bootstrap.seeds import references
from bootstrap.seeds.init_scripts.scripts import SERVICE, SUFFIXES, script_folder
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.model import Fixture, Need, ResourceId
from bootstrap.seeds.schema import mismatches
from bootstrap.seeds.services.base import Service
from bootstrap.seeds.type_names import kind_of
from bootstrap.yamltext.positions import Document, ValuePath, nearest, read_documents, unknown_key

KIND = "Seeds"
_NAMED = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fixtures:
    """All that is declared."""

    by_id: Mapping[ResourceId, Fixture]
    needs: Mapping[ResourceId, tuple[Need, ...]]
    order: Mapping[ResourceId, frozenset[ResourceId]]
    """Of each those that must exist before it."""
    folders: tuple[Path, ...] = ()
    """The folders that were given, for the init scripts beside the fixtures."""
    named_variables: frozenset[str] = frozenset()
    """Each NAME of a `${NAME}` in them."""


def load(paths: Sequence[Path], services: Mapping[str, Service], variables: Mapping[str, str]) -> Fixtures:
    """Read files, and the `*.yaml` and `*.yml` of folders (not of folders inside them).

    Raises:
        InvalidError: every problem in all files.
    """
    loading = _Loading(services, variables)
    for path in paths:
        loading.read(path)
    needs = loading.needs()
    order, cycle = references.in_order(needs)
    if cycle:
        path_of = next(need.path for need in needs[cycle[0]] if need.target == cycle[1] and not need.soft)
        loading.complain(loading.by_id[cycle[0]], path_of, f"a cycle: {' → '.join(map(str, cycle))}")
    loading.check_together()
    if loading.problems:
        given = dict.fromkeys(loading.problems)
        raise InvalidError(sorted(given, key=lambda problem: (problem.place.file, problem.place.line or 0)))
    folders = tuple(path for path in paths if path.is_dir())
    named = frozenset(loading.named_variables)
    return Fixtures(by_id=loading.by_id, needs=needs, order=order, folders=folders, named_variables=named)


class _Loading:
    """Everything read so far and everything wrong with it."""

    def __init__(self, services: Mapping[str, Service], variables: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.by_id: dict[ResourceId, Fixture] = {}
        self.named_variables: set[str] = set()
        self._broken: set[ResourceId] = set()
        self._services = services
        self._variables = variables

    def complain(self, fixture: Fixture, path: ValuePath, text: str) -> None:
        self.problems.append(fixture.problem(path, text))
        self._broken.add(fixture.id)

    def read(self, path: Path) -> None:
        for file in self._files(path):
            try:
                documents = read_documents(file)
            except InvalidError as error:
                self.problems.extend(error.problems)
                continue
            self.named_variables.update(_NAMED.findall(file.read_text(encoding="utf-8", errors="replace")))
            for document in documents:
                self._document(document)

    def _files(self, path: Path) -> list[Path]:
        if path.is_dir():
            files = _fixture_files(path)
            wrong = "" if files or script_folder(path) is not None else _nothing_in(path)
        else:
            wrong = _no_fixture_file(path)
            files = [] if wrong else [path]
        if wrong:
            self.problems.append(Problem(place=Place(file=str(path)), text=wrong))
        return files

    def _document(self, document: Document) -> None:
        if not isinstance(document.value, dict):
            self.problems.append(document.problem((), f"must be a mapping, not {kind_of(document.value)}"))
            return
        self.problems.extend(_head(document))
        keys = ("apiVersion", "kind", *self._services)
        for key, section in document.value.items():
            if key not in keys:
                self.problems.append(document.problem((key,), unknown_key(key, keys)))
            elif key in self._services:
                self._section(document, key, section)

    def _section(self, document: Document, service: str, section: Any) -> None:  # noqa: ANN401 - YAML
        if not isinstance(section, dict):
            text = f"must be a mapping of names to fixtures, not {kind_of(section)}"
            self.problems.append(document.problem((service,), text))
            return
        for key, given in section.items():
            self._fixture(document, service, key, {} if given is None else given)

    def _fixture(self, document: Document, service: str, key: str, given: Any) -> None:  # noqa: ANN401 - YAML
        expressions: list[tuple[ValuePath, str]] = []

        def complain(path: ValuePath, text: str) -> None:
            expressions.append((path, text))

        name = references.substitute(key, self._variables, (), complain)
        body = references.substitute(given, self._variables, (), complain)
        expressions.extend(mismatches(self._services[service].schema, body))
        fixture = Fixture(
            id=ResourceId(service, name),
            body=body if isinstance(body, dict) else {},
            document=document,
            path=(service, key),
            folder=Path(document.file).parent,
        )
        for path, text in expressions:
            self.complain(fixture, path, text)
        if is_reserved(name):
            self.complain(fixture, (), "this name is reserved for bootstrap")
        if not expressions:
            wrong = list(self._checked(fixture))
            self.problems.extend(wrong)
            self._broken.update([fixture.id] if wrong else [])
        self._declare(fixture)

    def _checked(self, fixture: Fixture) -> Iterator[Problem]:
        try:
            yield from self._services[fixture.id.service].check(fixture)
        except OSError as error:
            yield fixture.problem((), f"{error.strerror}: {error.filename}")

    def _declare(self, fixture: Fixture) -> None:
        first = self.by_id.setdefault(fixture.id, fixture)
        if first is not fixture:
            self.complain(fixture, (), f"is declared twice (first in {first.place.file}:{first.place.line})")

    def check_together(self) -> None:
        right = {resource: fixture for resource, fixture in self.by_id.items() if resource not in self._broken}
        for service in self._services.values():
            self.problems.extend(service.check_together(right))

    def needs(self) -> dict[ResourceId, tuple[Need, ...]]:
        return {fixture.id: tuple(self._needs(fixture)) for fixture in self.by_id.values()}

    def _needs(self, fixture: Fixture) -> Iterator[Need]:
        written: list[Need] = []
        for item in references.needs_in(fixture.body):
            if isinstance(item, Need):
                written.append(item)
            else:
                self.complain(fixture, *item)
        implied = () if fixture.id in self._broken else self._services[fixture.id.service].needs(fixture)
        for need in (*written, *implied):
            wrong = _wrong(need, self.by_id, self._services)
            if wrong:
                self.complain(fixture, need.path, wrong)
            elif need.target != fixture.id or not need.soft:
                yield need


def _fixture_files(folder: Path) -> list[Path]:
    return sorted(file for pattern in ("*.yaml", "*.yml") for file in folder.glob(pattern))


def _nothing_in(folder: Path) -> str:
    """What is wrong with a folder that nothing is read from, with what was probably meant."""
    scripts = sorted(file.name for file in folder.iterdir() if file.suffix in SUFFIXES)
    if scripts:
        named, quoted = ", ".join(scripts[:3]), shlex.quote(str(folder))
        return (
            f"holds no fixtures (*.yaml, *.yml); its scripts ({named}) are run only from a folder named {SERVICE}:"
            f" mkdir {quoted}/{SERVICE} && mv {quoted}/*{Path(scripts[0]).suffix} {quoted}/{SERVICE}/"
        )
    inside = [each for each in sorted(folder.iterdir()) if each.is_dir() and (_fixture_files(each))]
    hint = f"; folders in it are not read: name {inside[0]}" if inside else ""
    return f"holds no fixtures (*.yaml, *.yml) and no {SERVICE}{hint}"


def _no_fixture_file(path: Path) -> str:
    """Why this file cannot be read as fixtures; empty: it can."""
    if not path.is_file():
        return "no such file or folder"
    if path.suffix not in SUFFIXES:
        return ""
    quoted = shlex.quote(str(path))
    return (
        f"is a script, not a fixture file: name the folder that holds its {SERVICE}, or"
        f" write fixtures of what it makes: bootstrap seed import {quoted}"
    )


def _head(document: Document) -> Iterator[Problem]:
    for key, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if key not in document.value:
            yield document.problem((), f"{key} is missing (write {key}: {expected})")
        elif document.value[key] != expected:
            yield document.problem((key,), f"must be {expected}, not {document.value[key]!r}")


def _wrong(need: Need, by_id: Mapping[ResourceId, Fixture], services: Mapping[str, Service]) -> str | None:
    if need.target.service not in services:
        near = nearest(need.target.service, services)
        return f"no service is named {need.target.service} ({_hint(near, services)})"
    if need.target not in by_id:
        declared = [resource.name for resource in by_id if resource.service == need.target.service]
        near = nearest(need.target.name, declared)
        return f"{need.target} is not declared ({_hint(near, declared)})"
    offered = services[need.target.service].attributes
    if need.attribute not in offered:
        return f"{need.target} has no {need.attribute} ({_hint(nearest(need.attribute, offered), offered)})"
    return None


def _hint(near: str | None, candidates: Iterable[str]) -> str:
    if near:
        return f"did you mean {near}?"
    names = ", ".join(sorted(candidates))
    return f"known: {names}" if names else "there is none"
