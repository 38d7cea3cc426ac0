"""Finds the documents that make kustomize refuse a whole folder, with their lines: kustomize names neither.

A document with an apiVersion or a kind is taken for an object; others are settings that some generator reads, unless
every file of the folder is a resource.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import Place, Problem
from bootstrap.flux.overlay import FILE_NAMES
from bootstrap.yamltext.kubernetes import YamlError, load
from bootstrap.yamltext.positions import nearest

_SEPARATOR = re.compile(r"^---(?:[ \t].*)?\r?\n?", re.MULTILINE)
_REQUIRED = ("apiVersion", "kind", "metadata")
_KEY = re.compile(r"^([\w.-]+):", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Malformed:
    """One document that is not a Kubernetes object."""

    file: Path
    line: int
    """1-based, where the mistake is."""
    start: int
    """Where the document begins in the text of its file."""
    end: int
    text: str

    def problem(self, root: Path) -> Problem:
        """It as a problem, its file named from the root."""
        return Problem(place=Place(file=self.file.relative_to(root).as_posix(), line=self.line), text=self.text)


def malformed(files: Iterable[Path], *, every_file: bool) -> tuple[Malformed, ...]:
    """The malformed documents of these files; with `every_file` each document has to be an object."""
    read = (file for file in files if file.suffix in {".yaml", ".yml"} and file.name not in FILE_NAMES)
    return tuple(wrong for file in read for wrong in _in_file(file, every_file=every_file))


def without(file: Path, documents: Iterable[Malformed]) -> str:
    """The text of the file without these documents."""
    text = file.read_text(encoding="utf-8", errors="replace")
    for document in sorted(documents, key=lambda document: -document.start):
        text = text[: document.start] + text[document.end :]
    return text


def _in_file(file: Path, *, every_file: bool) -> Iterator[Malformed]:
    text = file.read_text(encoding="utf-8", errors="replace")
    start = 0
    for end, following in (*((mark.start(), mark.end()) for mark in _SEPARATOR.finditer(text)), (len(text), 0)):
        wrong = _wrong(text[start:end], every_file=every_file)
        if wrong is not None:
            offset, problem = wrong
            line = text.count("\n", 0, start) + offset
            yield Malformed(file=file, line=line, start=start, end=end, text=problem)
        start = following


def _wrong(document: str, *, every_file: bool) -> tuple[int, str] | None:
    """The line in the document, and what is wrong there; None: nothing."""
    if not re.search(r"^\s*[^#\s]", document, re.MULTILINE):
        return None
    try:
        loaded = load(document)
    except YamlError as error:
        named = re.search(r"^(?:apiVersion|kind):", document, re.MULTILINE)
        return (error.line or 1, f"is not YAML: {error}") if named or every_file else None
    if not isinstance(loaded, dict):
        return (_first_line(document), "is not a Kubernetes object") if every_file else None
    if not every_file and not {"apiVersion", "kind"} & loaded.keys():
        return None
    return _lacking(document, loaded)


def _lacking(document: str, loaded: Mapping[str, object]) -> tuple[int, str] | None:
    if loaded.get("kind") == "List" or str(loaded.get("apiVersion", "")).startswith("kustomize.config.k8s.io/"):
        return None
    for key in _REQUIRED:
        if not loaded.get(key):
            return _missing_key(document, loaded, key)
    metadata = loaded["metadata"]
    if not isinstance(metadata, dict):
        return _line_of(document, "metadata"), "metadata is not a mapping"
    if not metadata.get("name"):
        near = nearest("name", metadata)
        hint = f': "{near}" is not a field of it, did you mean "name"?' if near else ""
        hint = "; Flux applies no object with generateName" if metadata.get("generateName") else hint
        return _line_of(document, "metadata"), f"{_called(loaded)}: metadata.name is missing{hint}"
    return None


def _missing_key(document: str, loaded: Mapping[str, object], key: str) -> tuple[int, str]:
    misspelt = nearest(key, [name for name in loaded if name not in _REQUIRED])
    if misspelt is not None:
        message = f'"{misspelt}" is not a field of an object: did you mean "{key}"?'
        return _line_of(document, misspelt), f"{_called(loaded)}: {message}"
    return _first_line(document), f"{_called(loaded)}: {key} is missing"


def _called(loaded: Mapping[str, object]) -> str:
    """What to call it: its kind, and the first name in it, which may stand under a misspelt key."""
    names = (value.get("name") for value in loaded.values() if isinstance(value, dict))
    name = next((name for name in names if isinstance(name, str)), "")
    return f"{loaded.get('kind') or 'object'} {name}".rstrip()


def _line_of(document: str, key: str) -> int:
    key_match = next((match for match in _KEY.finditer(document) if match[1] == key), None)
    return _first_line(document) if key_match is None else document.count("\n", 0, key_match.start()) + 1


def _first_line(document: str) -> int:
    return document.count("\n", 0, len(document) - len(document.lstrip())) + 1
