"""The fields of a file, as one table that checks values and is published as JSON Schema."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

from bootstrap.yamltext.positions import ValuePath, nearest, path_text, unknown_key

_DURATION = r"([0-9]+h)?([0-9]+m)?([0-9]+s)?"
_DURATION_PARTS = re.compile(r"(?=.)" + r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_SHOWN_LENGTH = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Text, with an optional pattern."""

    pattern: str | None = None
    what: str = "text"
    """`a Kubernetes version`; for the message, with `example`."""
    example: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """A whole number."""

    least: int
    most: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """True or false."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """A length of time, such as `1h30m` or `45s`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Several values of a kind."""

    of: "Kind"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextMap:
    """Names the user chooses, each with a text."""

    key: str | None = None
    """The pattern of a name."""
    what: str = "a name"


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedSections:
    """Names the user chooses, each with the same fields."""

    of: "Section"
    key: str
    """The pattern of a name."""
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Fields of known names."""

    fields: Mapping[str, "Field"]
    absent: bool = False
    """Whether `false` may be written for none."""


Kind: TypeAlias = Text | Choice | Whole | Truth | Duration | Listed | TextMap | NamedSections | Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a section."""

    kind: Kind
    says: str
    """Its description, for the schema and the documentation."""
    default: Any = None
    required: str | None = None
    """An example value of a required field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A value that does not match the table."""

    path: ValuePath
    text: str


Written: TypeAlias = Callable[[ValuePath], str | None]
"""A scalar as the user wrote it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checker:
    """Compares values with a table."""

    written: Written = field(default=lambda _path: None)
    partial: bool = False
    """Whether this is a part of a file: no key is required, and null resets a value to its default."""

    def faults(self, kind: Kind, value: object, path: ValuePath = ()) -> Iterator[Fault]:
        """Every problem of `value` with `kind`."""
        if value is None:
            if not self.partial:
                yield Fault(path=path, text="has no value: write one, or leave the key out")
            return
        match kind:
            case Section():
                yield from self._section(kind, value, path)
            case TextMap() | NamedSections():
                yield from self._named(kind, value, path)
            case Listed(of=of):
                yield from self._listed(of, value, path)
            case Text() | Choice() | Whole() | Truth() | Duration():
                text = self._scalar(kind, value, path)
                if text is not None:
                    yield Fault(path=path, text=text)
            case _:
                assert_never(kind)

    def _section(self, kind: Section, value: object, path: ValuePath) -> Iterator[Fault]:
        if kind.absent and value is False:
            return
        if not isinstance(value, Mapping):
            example = f"{path_text(path[-1:])}: {{{next(iter(kind.fields))}: …}}"
            yield Fault(path=path, text=f"{self._told(value, path)} must be a mapping: write {example}")
            return
        for key, part in value.items():
            if key in kind.fields:
                yield from self.faults(kind.fields[key].kind, part, (*path, key))
            else:
                yield Fault(path=(*path, key), text=unknown_key(key, kind.fields))
        for key, inner in kind.fields.items():
            if inner.required is not None and key not in value and not self.partial:
                yield Fault(path=(*path, key), text=f"is missing: write {key}: {inner.required}")

    def _named(self, kind: TextMap | NamedSections, value: object, path: ValuePath) -> Iterator[Fault]:
        return self._text_map(kind, value, path) if isinstance(kind, TextMap) else self._sections(kind, value, path)

    def _text_map(self, kind: TextMap, value: object, path: ValuePath) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield Fault(path=path, text=f"{self._told(value, path)} must be a mapping of names to text")
            return
        for key, part in value.items():
            here = (*path, key)
            if kind.key is not None and not re.fullmatch(kind.key, key):
                yield Fault(path=here, text=f"is not {kind.what}")
            yield from self.faults(Text(), part, here)

    def _sections(self, kind: NamedSections, value: object, path: ValuePath) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield Fault(path=path, text=f"{self._told(value, path)} must be a mapping of names to mappings")
            return
        for key, part in value.items():
            if not re.fullmatch(kind.key, key):
                yield Fault(path=(*path, key), text=f"is not {kind.what}")
            if part == {} and not self.partial:
                yield Fault(path=(*path, key), text=f"is empty: write {next(iter(kind.of.fields))}: …")
            yield from self.faults(kind.of, part, (*path, key))

    def _listed(self, of: Kind, value: object, path: ValuePath) -> Iterator[Fault]:
        if isinstance(value, list):
            for number, part in enumerate(value):
                yield from self.faults(of, part, (*path, number))
        elif isinstance(value, str):
            yield Fault(path=path, text=f"must be a list: write [{value}]")
        else:
            yield Fault(path=path, text=f"{self._told(value, path)} must be a list")

    def _scalar(self, kind: Text | Choice | Whole | Truth | Duration, value: object, path: ValuePath) -> str | None:
        """The problem of a scalar; None: it is valid."""
        message = self._told(value, path)
        match kind:
            case Text():
                return self._text(kind, value, path)
            case Choice(words=words):
                return None if value in words else f"{message} is not one of {', '.join(words)}{_near(value, words)}"
            case Whole(least=least, most=most):
                fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
                return None if fits else f"{message} is not a whole number from {least} to {most}"
            case Truth():
                return None if isinstance(value, bool) else f"{message} is not true or false"
            case Duration():
                return (
                    None if seconds_in(value) is not None else f"{message} is not a duration (write 5m, 90s or 1h30m)"
                )
            case _:
                assert_never(kind)

    def _text(self, kind: Text, value: object, path: ValuePath) -> str | None:
        if isinstance(value, bool | int | float):
            return f'{self._told(value, path)} must be text: write "{self._as_written(value, path)}" in quotes'
        if not isinstance(value, str):
            return f"{self._told(value, path)} must be text"
        if kind.pattern is None or re.fullmatch(kind.pattern, value):
            return None
        example = "" if kind.example is None else f" (write {kind.example})"
        return f"{self._told(value, path)} is not {kind.what}{example}"

    def _as_written(self, value: object, path: ValuePath) -> str:
        written = self.written(path)
        if written is not None:
            return written
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _told(self, value: object, path: ValuePath) -> str:
        """The value, short enough for a message."""
        if isinstance(value, Mapping):
            return "a mapping"
        if isinstance(value, list):
            return "a list"
        text = value if isinstance(value, str) else self._as_written(value, path)
        text = text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
        return f'"{text}"' if isinstance(value, str) else text


def seconds_in(value: object) -> int | None:
    """The seconds of a duration such as `1h30m`; None if it is not a duration, or 0."""
    match = _DURATION_PARTS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds or None


def json_schema(kind: Kind) -> dict[str, Any]:
    """The same table as JSON Schema (draft 2020-12)."""
    match kind:
        case Listed(of=of):
            return {"type": "array", "items": json_schema(of)}
        case TextMap(key=key):
            names = {} if key is None else {"propertyNames": {"pattern": f"^(?:{key})$"}}
            return {"type": "object", "additionalProperties": {"type": "string"}} | names
        case NamedSections(of=of, key=key):
            return {
                "type": "object",
                "additionalProperties": json_schema(of),
                "propertyNames": {"pattern": f"^(?:{key})$"},
            }
        case Section():
            return _section_schema(kind)
        case _:
            return _scalar_schema(kind)


def _scalar_schema(kind: Text | Choice | Whole | Truth | Duration) -> dict[str, Any]:
    match kind:
        case Text(pattern=pattern):
            return {"type": "string"} | ({} if pattern is None else {"pattern": f"^(?:{pattern})$"})
        case Choice(words=words):
            return {"enum": list(words)}
        case Whole(least=least, most=most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Truth():
            return {"type": "boolean"}
        case Duration():
            return {"type": "string", "pattern": f"^(?=.*[1-9]){_DURATION}$"}
        case _:
            assert_never(kind)


def _section_schema(section: Section) -> dict[str, Any]:
    required = [name for name, part in section.fields.items() if part.required is not None]
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _field_schema(part) for name, part in section.fields.items()},
    }
    if required:
        schema["required"] = required
    return {"oneOf": [{"const": False}, schema]} if section.absent else schema


def _field_schema(part: Field) -> dict[str, Any]:
    default = {} if part.default is None else {"default": part.default}
    return {"description": part.says} | json_schema(part.kind) | default


def _near(value: object, words: tuple[str, ...]) -> str:
    near = nearest(value, words) if isinstance(value, str) else None
    return f" (did you mean {near}?)" if near is not None else ""
