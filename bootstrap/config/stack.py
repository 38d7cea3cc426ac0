"""Reads a stack: its file, the overrides of environment and flags, and the origin of every value."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.config.conflicts import conflicts
from bootstrap.config.flags import Overrides
from bootstrap.config.instance import instance_name
from bootstrap.config.layers import Layer, Source, Values, merge
from bootstrap.config.origins import shown_values
from bootstrap.config.overrides import environment_layers, flag_layers, repository_layer, work_tree
from bootstrap.config.schema import STACK
from bootstrap.config.stack_file import find_stack, shown_path
from bootstrap.config.stack_values import Reading
from bootstrap.errors import InvalidError, Place, Problem, UsageError
from bootstrap.model.labels import API_VERSION
from bootstrap.model.stack import DeclaredValue, Stack
from bootstrap.yamltext.positions import Document, ValuePath, read_documents

_LONGEST_NAME = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedStack:
    """A stack, and the origin of each of its values."""

    stack: Stack
    values: tuple[DeclaredValue, ...]
    """Every value that holds, in the order of the documentation."""
    place: Callable[[ValuePath], Place]
    """Where the value at a path was given; for messages about it."""


def load_stack(
    reference: str | None, overrides: Overrides, *, cwd: Path, environment: Mapping[str, str]
) -> LoadedStack:
    """The stack that the user means; flags go over the environment, that over the file, that over defaults.

    Relative paths start from the folder of the stack file if it gives them, else from `cwd`.

    Raises:
        UsageError: the stack does not exist, a flag is not of the form KEY=VALUE, or `--name` is not a valid name.
        InvalidError: every problem of the file, the environment and the flags at once.
    """
    file = _file(reference, overrides, cwd)
    problems: list[Problem] = []
    document = None if file is None else _only_document(file, shown_path(file, cwd))
    base = repository_layer(overrides, cwd) if file is None or document is None else _file_layer(document, file)
    values = merge(STACK, [base, *environment_layers(environment, cwd), *flag_layers(overrides, cwd)], problems)
    folder = cwd if file is None else file.resolve().parent
    reading = Reading(values=values, folder=folder, problems=problems)
    stack = reading.stack(
        name=_name(file, overrides, cwd),
        file=file,
        project=_project(values, file, folder),
        instance=instance_name(overrides.name),
    )
    problems.extend(_name_problems(document, file))
    problems.extend(_context_problems(stack, values, reading.place))
    problems.extend(conflicts(stack, reading.place))
    if problems:
        raise InvalidError(sorted(_first_of_each(problems), key=_order(document)))
    return LoadedStack(stack=stack, values=shown_values(STACK, _held(stack, values)), place=reading.place)


def _file(reference: str | None, overrides: Overrides, cwd: Path) -> Path | None:
    if overrides.repo is None:
        if overrides.root is not None:
            raise UsageError("--root needs --repo", fix="in a stack file, write source.root")
        return find_stack(reference, cwd)
    if reference is not None:
        raise UsageError(f"--repo runs a repository without a stack file, but {reference} was named too")
    return None


def _only_document(file: Path, shown: str) -> Document:
    documents = read_documents(file, shown=shown)
    begin = f"it begins with apiVersion: {API_VERSION} and kind: Stack"
    if not documents:
        raise InvalidError([Problem(place=Place(file=shown), text=f"is empty: write a stack; {begin}")])
    first, *more = documents
    if more:
        raise InvalidError([more[0].problem((), "begins a second document; a stack file holds one")])
    if not isinstance(first.value, Mapping):
        raise InvalidError([first.problem((), f"is not a stack: {begin}")])
    given = (first.value.get("apiVersion"), first.value.get("kind"))
    if None not in given and given != (API_VERSION, "Stack"):
        # A file of another kind would only give a long list of unknown keys.
        raise InvalidError(
            [first.problem((), f"is {given[1]} of {given[0]}; a stack needs kind: Stack and apiVersion: {API_VERSION}")]
        )
    return first


def _file_layer(document: Document, file: Path) -> Layer:
    return Layer(
        source=Source.FILE,
        value=document.value,
        place=document.place,
        folder=file.resolve().parent,
        written=document.written,
    )


def _name(file: Path | None, overrides: Overrides, cwd: Path) -> str:
    """The name of a stack whose file has none, valid as a part of other names."""
    named = (cwd / (overrides.repo or ".")).resolve() if file is None else file
    text = named.stem if file is not None else work_tree(named).name
    fit = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    return fit or "stack"


def _project(values: Values, file: Path | None, folder: Path) -> Path:
    """The folder that the stack belongs to: the one that holds `stacks/`, or the repository's."""
    if file is None:
        return Path(values[("source", "root")].value)
    return folder.parent if folder.name == "stacks" else folder


def _name_problems(document: Document | None, file: Path | None) -> Iterator[Problem]:
    if document is None or file is None:
        return
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if isinstance(name, str) and name != file.stem and file.resolve().parent.name == "stacks":
        text = f'"{name}" is not the name that this file is found by: write {file.stem}, or rename the file'
        yield document.problem(("metadata", "name"), text)


def _context_problems(stack: Stack, values: Values, place: Callable[[ValuePath], Place]) -> Iterator[Problem]:
    """Values that only provider `existing` reads; a provider that a flag chooses ignores them."""
    provider = values[("cluster", "provider")]
    if stack.cluster.provider == "existing" or provider.source in {Source.ENVIRONMENT, Source.FLAG}:
        return
    for name in ("context", "uid"):
        if ("cluster", name) in values:
            text = f"is only for provider existing, not for {stack.cluster.provider}"
            yield Problem(place=place(("cluster", name)), text=text)


def _first_of_each(problems: list[Problem]) -> Iterator[Problem]:
    """One problem per value: problems that follow from a wrong value are left out."""
    names: set[str | None] = set()
    for problem in problems:
        if problem.place.path is None or problem.place.path not in names:
            yield problem
        names.add(problem.place.path)


def _order(document: Document | None) -> Callable[[Problem], tuple[bool, int]]:
    """The file's problems by line, then those of the environment and of flags."""
    file = None if document is None else document.file
    return lambda problem: (problem.place.file != file, problem.place.line or 0)


def _held(stack: Stack, values: Values) -> Values:
    """The relevant values: without defaults of an emulator or a source that the stack does not have."""
    absent = {"source"} if stack.source is None else set()
    absent |= {"emulator"} if stack.emulator is None else set()
    return {
        path: given for path, given in values.items() if path[0] not in absent or given.source is not Source.DEFAULT
    }
