"""Finds the file and line of an object, or of a field of it, which kustomize does not report."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from bootstrap.errors import Place
from bootstrap.flux.overlay import FILE_NAMES
from bootstrap.model.kube import ObjectRef

_SKIPPED = frozenset({".git", ".github", ".venv", "node_modules", "__pycache__"})
_LARGEST = 4_000_000
_SEPARATOR = re.compile(rb"^---(?:[ \t].*)?\r?$", re.MULTILINE)
_KIND = re.compile(rb"^kind:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_METADATA = re.compile(rb"^metadata:[ \t]*(\{.*\}|(?:\r?\n(?:[ \t]+.*|[ \t]*#.*)?)*)", re.MULTILINE)
_NAME = re.compile(rb"^[ \t]+name:[ \t]*[\"']?([^\s\"'#]+)|[{,][ \t]*name:[ \t]*[\"']?([^\s\"',}]+)", re.MULTILINE)
_NAMESPACE = re.compile(
    rb"^[ \t]+namespace:[ \t]*[\"']?([^\s\"'#]+)|[{,][ \t]*namespace:[ \t]*[\"']?([^\s\"',}]+)", re.MULTILINE
)
_STRING = re.compile(r"[\w.+@~/-]+")
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    """One document of a file that looks like this object: the object itself, or a patch of it."""

    file: Path
    line: int
    text: bytes
    kind: str
    name: str
    namespace: str | None


class Places:
    """The objects of one repository, found by kind and name. Files are read at the first call."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._drawn: dict[Path, frozenset[Path]] = {}

    def of(self, ref: ObjectRef, folder: str, path: str | None = None) -> Place | None:
        """Where the object that was built from `folder`, or its field at `path`, is written; None when unknown."""
        candidates = self._candidates(ref, folder)
        for written in reversed(candidates) if path else ():
            line = _line_of(written, path or "")
            if line is not None:
                return Place(file=self._shown(written.file), line=line, path=path)
        if not candidates:
            return None
        return Place(file=self._shown(candidates[0].file), line=candidates[0].line, path=path)

    def of_text(self, ref: ObjectRef, folder: str, text: str) -> Place | None:
        """The line in that object, or in a patch of it, that holds this text; None when none does."""
        for written in self._candidates(ref, folder):
            at = written.text.find(text.encode())
            if at >= 0:
                before = written.text[: written.text.index(b"kind:")].count(b"\n")
                line = written.line - before + written.text.count(b"\n", 0, at)
                return Place(file=self._shown(written.file), line=line)
        return None

    def files_of(self, folder: str) -> Sequence[Path]:
        """The files that are read for this folder, as far as its kustomization files name them, in order."""
        return sorted(self._drawn_in(self._root / folder))

    def _candidates(self, ref: ObjectRef, folder: str) -> Sequence[_Written]:
        """Whole objects before patches; what the folder does not draw in counts only when nothing else is found."""
        drawn = self._drawn_in(self._root / folder)
        named = [
            written
            for written in self._by_name.get((ref.kind, ref.name), ())
            if _may_be(written.namespace, ref.namespace)
        ]
        best = [written for written in named if written.file in drawn] or named or self._renamed(ref, drawn)
        return sorted(best, key=lambda written: -len(written.text))

    def _renamed(self, ref: ObjectRef, drawn: frozenset[Path]) -> list[_Written]:
        """What may have become this object by a prefix, a suffix or a hash: the one most of whose name is left."""
        parts = sorted((name for kind, name in self._by_name if kind == ref.kind and name in ref.name), key=len)
        return [written for written in self._by_name[ref.kind, parts[-1]] if written.file in drawn] if parts else []

    def _drawn_in(self, folder: Path) -> frozenset[Path]:
        """The files that kustomize reads for this folder, as far as its kustomization files name them."""
        if folder not in self._drawn:
            self._drawn[folder] = frozenset()
            self._drawn[folder] = frozenset(self._reached(folder))
        return self._drawn[folder]

    def _reached(self, folder: Path) -> Iterator[Path]:
        named = next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)
        if named is None:
            yield from yaml_files(folder)
            return
        yield named
        for text in _STRING.findall(named.read_text(encoding="utf-8", errors="replace")):
            path = Path(os.path.normpath(folder / text))
            if path.is_file():
                yield path
            elif path != folder and path.is_dir() and path.is_relative_to(self._root):
                yield from self._drawn_in(path)

    def _shown(self, file: Path) -> str:
        return file.relative_to(self._root).as_posix()

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[_Written]]:
        by_name: dict[tuple[str, str], list[_Written]] = {}
        for file in yaml_files(self._root):
            for written in _documents(file):
                by_name.setdefault((written.kind, written.name), []).append(written)
        return by_name


def _may_be(written: str | None, expected: str | None) -> bool:
    return written is None or expected is None or written == expected or "$" in written


def yaml_files(root: Path) -> Iterator[Path]:
    """The YAML files below a folder that may hold objects, in order."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            file = Path(folder, name)
            if name.endswith((".yaml", ".yml")) and file.is_file() and file.stat().st_size < _LARGEST:
                yield file


def _documents(file: Path) -> Iterator[_Written]:
    content = file.read_bytes()
    start = 0
    for end, following in (*((mark.start(), mark.end()) for mark in _SEPARATOR.finditer(content)), (len(content), 0)):
        text = content[start:end]
        kind, metadata = _KIND.search(text), _METADATA.search(text)
        name = None if metadata is None else _first(_NAME, metadata.group(0))
        if kind is not None and metadata is not None and name is not None:
            yield _Written(
                file=file,
                line=content.count(b"\n", 0, start + kind.start()) + 1,
                text=text,
                kind=kind.group(1).decode(),
                name=name,
                namespace=_first(_NAMESPACE, metadata.group(0)),
            )
        start = following


def _first(expression: re.Pattern[bytes], text: bytes) -> str | None:
    match = expression.search(text)
    return None if match is None else (match.group(1) or match.group(2)).decode(errors="replace")


def _line_of(written: _Written, path: str) -> int | None:
    """The line of `spec.a[0].b` in that document; None when it does not hold it or cannot be read."""
    try:
        node = yaml.compose(written.text.decode(errors="replace"), yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    line = 0
    for key, index in _PART.findall(path):
        step = _entry(node, key) if key else _item(node, int(index))
        if step is None:
            return None
        line, node = step
    before = written.text[: written.text.index(b"kind:")].count(b"\n")
    return written.line - before + line


def _entry(node: yaml.Node | None, key: str) -> tuple[int, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((name.start_mark.line, value) for name, value in node.value if name.value == key), None)


def _item(node: yaml.Node | None, index: int) -> tuple[int, yaml.Node] | None:
    if not isinstance(node, yaml.SequenceNode) or index >= len(node.value):
        return None
    item = node.value[index]
    return item.start_mark.line, item
