"""YAML documents whose every value knows the file and line it stands on."""

import base64
import binascii
import contextlib
import difflib
import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml
from yaml._yaml import CParser
from yaml.resolver import BaseResolver

from bootstrap.errors import InvalidError, Place, Problem

ValuePath: TypeAlias = tuple[str | int, ...]
"""The way to a value: mapping keys and list positions."""

_PLAIN_KEY = re.compile(r"[\w/$<-]+")
_TAG = "tag:yaml.org,2002:"
_MERGE_KEY = "<<"
_TOO_DEEP = 200

# YAML 1.2's core rules: `on`, `yes`, `22:22`, `2024-01-01` and `=` are text. A number that begins with a zero is text
# too: readers disagree whether 010 is eight or ten, and account ids begin with zeros.
_RULES: tuple[tuple[str, str, str], ...] = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


class _Resolver(BaseResolver):
    """Resolves the type of a plain scalar."""


for _name, _pattern, _first in _RULES:
    _Resolver.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), [c.strip("\0") for c in _first])


class _Loader(CParser, _Resolver):
    """libyaml's parser with our scalar rules; gives nodes, which know their lines."""

    def __init__(self, stream: str) -> None:
        CParser.__init__(self, stream)
        _Resolver.__init__(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One YAML document: its value, and where each part of it stands."""

    file: str
    """As the user is shown it."""
    value: Any
    """dict (text keys only), list, str, int, float, bool, bytes (`!!binary`) or None."""
    root: yaml.Node

    def place(self, path: ValuePath = ()) -> Place:
        """Where the value at `path` stands; of a path that leads nowhere, where its last known part does."""
        return Place(file=self.file, line=_line(self._find(path)[0]), path=path_text(path) or None)

    def problem(self, path: ValuePath, text: str) -> Problem:
        """`text`, said of the value at `path`."""
        return Problem(place=self.place(path), text=text)

    def written(self, path: ValuePath) -> str | None:
        """A scalar exactly as written, `1.10` for what reads as 1.1; None where `path` names no scalar."""
        node = self._find(path)[1]
        return node.value if isinstance(node, yaml.ScalarNode) else None

    def _find(self, path: ValuePath) -> tuple[yaml.Node, yaml.Node | None]:
        """The node whose line is the place (a mapping's key), and the value's own node if there is one."""
        telling, node = self.root, self.root
        for part in path:
            child = _child(node, part)
            if child is None:
                return telling, None
            telling, node = child
        return telling, node


def read_documents(path: Path, *, shown: str | None = None) -> tuple[Document, ...]:
    """The documents of a file; empty ones are left out. `shown` is the file's name in messages.

    Raises:
        InvalidError: unreadable, not UTF-8, not YAML, keys given twice: every problem found.
    """
    name = shown or str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = Problem(place=Place(file=name), text=f"cannot be read: {error.strerror}")
        raise InvalidError([problem]) from error
    return parse_documents(content, file=name)


def parse_documents(content: bytes | str, *, file: str) -> tuple[Document, ...]:
    """The documents in `content`; as `read_documents`."""
    # Text from a command line may hold lone surrogates, if the bytes were not UTF-8.
    given = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    nodes = _composed(_decoded(given, file), file)
    problems: list[Problem] = []
    reader = _Reader(file, problems)
    documents = tuple(Document(file=file, value=reader.value(node, ()), root=node) for node in nodes)
    if problems:
        # What an alias brings in several places is read, and found wrong, several times.
        raise InvalidError(tuple(dict.fromkeys(problems)))
    return tuple(document for document in documents if document.value is not None)


def path_text(path: Iterable[str | int]) -> str:
    """`cluster.ports.http`, `seeds[0]`, `sqs["orders.fifo"].aws`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be; None when none is near."""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def unknown_key(name: str, candidates: Iterable[str]) -> str:
    """What to say of a key that nobody knows."""
    names = tuple(candidates)
    near = nearest(name, names)
    if near is not None:
        return f"unknown key (did you mean {near}?)"
    return f"unknown key (known: {', '.join(names)})" if names else "unknown key"


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = f"is not UTF-8 text (byte 0x{content[error.start]:02x})"
        raise InvalidError([Problem(place=Place(file=file, line=line), text=text)]) from error


def _composed(text: str, file: str) -> list[yaml.Node]:
    """The root nodes.

    Deep nesting is refused before the composer sees it, because that recurses on the C stack.
    """
    try:
        _refuse_depth(text, file)
        with _uncollected():
            loader = _Loader(text)
            return list(iter(lambda: loader.get_node() if loader.check_node() else None, None))
    except yaml.MarkedYAMLError as error:
        raise InvalidError([_not_yaml(error, text, file)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = Problem(place=Place(file=file, line=line), text=f"is not YAML: {error.reason}")
        raise InvalidError([problem]) from error


def _not_yaml(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = None if mark is None else mark.line + 1
    said = ", ".join(part for part in (error.context, error.problem) if part)
    if line is not None and "\t" in "".join(text.splitlines()[line - 1 : line]):
        said += " (a tab cannot indent YAML: use spaces)"
    return Problem(place=Place(file=file, line=line), text=f"is not YAML: {said}")


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection: nodes are many and none is garbage yet (a large file reads four times as fast)."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _refuse_depth(text: str, file: str) -> None:
    depth = 0
    loader = _Loader(text)
    for event in iter(loader.get_event, None):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _TOO_DEEP:
            place = Place(file=file, line=_line(event))
            raise InvalidError([Problem(place=place, text=f"is nested more than {_TOO_DEEP} levels deep")])


def _line(marked: yaml.Node | yaml.Event) -> int:
    mark = marked.start_mark
    assert mark is not None  # noqa: S101 -- libyaml marks every node and event; only hand-made ones have none
    return mark.line + 1


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node whose line is the place of a part, and the part's own node."""
    if isinstance(node, yaml.SequenceNode):
        fits = isinstance(part, int) and 0 <= part < len(node.value)
        return (node.value[part], node.value[part]) if fits else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == part:
            return key, value
    # A key that a merge brought stands where it was first written.
    nodes = (_child(merged, part) for merged in _merged(node))
    return next((child for child in nodes if child is not None), None)


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """The mappings that `<<` names, the one that wins first."""
    for key, value in node.value:
        if key.value == _MERGE_KEY:
            yield from value.value if isinstance(value, yaml.SequenceNode) else (value,)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into values and collects what is wrong with them."""

    file: str
    problems: list[Problem]

    def value(self, node: yaml.Node, path: ValuePath, above: tuple[yaml.Node, ...] = ()) -> Any:  # noqa: ANN401 -- YAML
        if any(node is ancestor for ancestor in above):
            self._say(node, path, "an alias may not contain itself")
            return None
        inside = (*above, node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, path, "seq")
            return [self.value(item, (*path, number), inside) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: ValuePath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        self._check_tag(node, path, "map")
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._say(key, path, "a key must be plain text")
            elif key.value in lines:
                self._say(key, (*path, key.value), f"is given twice (first in line {lines[key.value]})")
            else:
                lines[key.value] = _line(key)
                if key.value != _MERGE_KEY:
                    own[key.value] = self.value(value, (*path, key.value), inside)
        return self._merge(node, path, inside) | own

    def _merge(self, node: yaml.MappingNode, path: ValuePath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for source in _merged(node):
            brought = self.value(source, path, inside)
            if isinstance(brought, Mapping):
                values = dict(brought) | values
            else:
                self._say(source, (*path, _MERGE_KEY), "only mappings can be merged")
        return values

    def _scalar(self, node: yaml.Node, path: ValuePath) -> str | float | bool | bytes | None:
        """The value by its tag, which our rules or the file itself gave.

        Scalars that the file tags but that do not read so are a problem, never a crash.
        """
        try:
            return _scalar_value(node.tag.removeprefix(_TAG), node.value)
        except KeyError:
            self._say(node, path, f"the tag {node.tag.replace(_TAG, '!!')} is not supported")
        except (ValueError, binascii.Error):
            self._say(node, path, f"{node.value!r} does not fit its tag {node.tag.replace(_TAG, '!!')}")
        return None

    def _check_tag(self, node: yaml.Node, path: ValuePath, expected: Literal["map", "seq"]) -> None:
        if node.tag != _TAG + expected:
            self._say(node, path, f"the tag {node.tag.replace(_TAG, '!!')} is not supported")

    def _say(self, node: yaml.Node, path: ValuePath, text: str) -> None:
        place = Place(file=self.file, line=_line(node), path=path_text(path) or None)
        self.problems.append(Problem(place=place, text=text))


def _scalar_value(tag: str, text: str) -> str | float | bool | bytes | None:
    match tag:
        case "str" | "timestamp":
            return text
        case "int":
            return _whole(text)
        case "float":
            return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        case "bool":
            return _truth(text)
        case "null":
            return None
        case "binary":
            return base64.b64decode("".join(text.split()), validate=True)
        case _:
            raise KeyError(tag)


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


def _whole(text: str) -> int:
    prefix = text.lower()[:2]
    return int(text[2:], {"0o": 8, "0x": 16}[prefix]) if prefix in {"0o", "0x"} else int(text)
