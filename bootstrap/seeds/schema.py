"""What a fixture may say: schemas as values, and the walk that finds everything wrong with a body."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

from bootstrap.seeds import aws_shapes
from bootstrap.seeds.type_names import kind_of
from bootstrap.yamltext.positions import ValuePath, nearest, unknown_key

Mismatch: TypeAlias = tuple[ValuePath, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Text. Plain numbers and booleans are refused: whether 010 or 1.10 was meant as written cannot be known."""

    choices: tuple[str, ...] = ()
    empty: bool = False
    like: tuple[str, ...] = ()
    """Service, operation and way to the parameter that it becomes: AWS's model limits its length and form."""
    json: bool = False
    """Whether it holds JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """A whole number within bounds."""

    least: int = 0
    most: int | None = None
    like: tuple[str, ...] = ()
    """As `Text.like`: its limits hold too."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value; the service gives it a meaning."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind of thing."""

    item: "Schema"
    like: tuple[str, ...] = ()
    """As `Text.like`: how many there may be."""


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys are the user's own."""

    value: "Schema"
    key: Text | None = None
    """What the keys must be like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A mapping of known keys."""

    keys: "Mapping[str, Schema]"
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    """At most one of these may be given."""
    needs_one: bool = False
    """Exactly one of `one_of` must be given."""


@dataclass(frozen=True, slots=True)
class Either:
    """Text, a list or a record: distinguished by its type."""

    choices: "tuple[Schema, ...]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Aws:
    """AWS's own parameters, verbatim: those of the named operations, less what we say otherwise."""

    service: str
    operations: tuple[str, ...]
    part: tuple[str, ...] = ()
    """The way to one of their parameters, if not all of them are meant."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Parameters that have a place of their own in the fixture: name → where."""


Schema: TypeAlias = Text | Whole | Flag | Anything | ListOf | MapOf | Record | Either | Aws

TAGS = MapOf(Text(empty=True))
POLICY = Either((MapOf(Anything()), Text(json=True)))
"""An IAM policy: a mapping (what is inside is AWS's business) or JSON text."""


def mismatches(schema: Schema, value: Any, path: ValuePath = ()) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    """Everything about `value` that the schema does not allow, with the way to it."""
    match schema:
        case Text() | Whole() | Flag():
            yield from _scalar(schema, value, path)
        case Anything():
            return
        case ListOf():
            yield from _list(schema, value, path)
        case MapOf():
            yield from _map(schema, value, path)
        case Record():
            yield from _record(schema, value, path)
        case Either():
            yield from _either(schema, value, path)
        case Aws():
            yield from _aws(schema, value, path)
        case _:
            assert_never(schema)


def _scalar(schema: Text | Whole | Flag, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    if isinstance(value, str) and "${ref:" in value and not isinstance(schema, Flag):
        return
    match schema:
        case Text():
            yield from _text(schema, value, path)
        case Whole(least=least, most=most):
            if isinstance(value, bool) or not isinstance(value, int):
                yield path, f"must be a whole number, not {_shown(value)}"
            elif value < least or (most is not None and value > most):
                yield path, f"must be {_bounds(least, most)}, not {value}"
            else:
                yield from _unlike(schema.like, value, path)
        case Flag():
            if not isinstance(value, bool):
                yield path, f"must be true or false, not {_shown(value)}"


def _text(schema: Text, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    if not isinstance(value, str):
        quoted = isinstance(value, int | float)
        hint = f' (write "{str(value).lower() if isinstance(value, bool) else value}")' if quoted else ""
        yield path, f"must be text, not {kind_of(value)}{hint}"
    elif not value and not schema.empty:
        yield path, "must not be empty"
    elif schema.choices and value not in schema.choices:
        near = nearest(value, schema.choices)
        said = f"did you mean {near}?" if near else f"one of: {', '.join(schema.choices)}"
        yield path, f"{value!r} is not allowed ({said})"
    elif schema.json and "${" not in value and not _is_json(value):
        yield path, "is not JSON"
    else:
        yield from _unlike(schema.like, value, path)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _unlike(like: tuple[str, ...], value: str | int, path: ValuePath) -> Iterator[Mismatch]:
    if like:
        service, operation, *way = like
        yield from aws_shapes.scalar_mismatches(aws_shapes.limits(service, operation, tuple(way)), value, path)


def _list(schema: ListOf, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    if not isinstance(value, list):
        yield path, f"must be a list, not {kind_of(value)}"
        return
    if schema.like:
        service, operation, *way = schema.like
        shape = aws_shapes.limits(service, operation, tuple(way))
        yield from aws_shapes.sized(shape, len(value), path, "must hold")
    for number, item in enumerate(value):
        yield from mismatches(schema.item, item, (*path, number))


def _map(schema: MapOf, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        yield path, f"must be a mapping, not {kind_of(value)}"
        return
    for key, inner in value.items():
        if schema.key is not None:
            yield from _text(schema.key, key, (*path, key))
        yield from mismatches(schema.value, inner, (*path, key))


def _record(schema: Record, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        yield path, f"must be a mapping, not {kind_of(value)}"
        return
    for key, inner in value.items():
        if key in schema.keys:
            yield from mismatches(schema.keys[key], inner, (*path, key))
        else:
            yield (*path, key), unknown_key(key, schema.keys)
    for key in schema.required:
        if key not in value:
            yield path, f"{key} is missing"
    given = [key for key in schema.one_of if key in value]
    if len(given) > 1:
        yield (*path, given[1]), f"cannot be given together with {given[0]}"
    if schema.needs_one and not given:
        yield path, f"one of {', '.join(schema.one_of)} is missing"


def _either(schema: Either, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    kinds = {Record: dict, MapOf: dict, Aws: dict, ListOf: list, Text: str, Whole: int, Flag: bool, Anything: object}
    for choice in schema.choices:
        if not isinstance(choice, Either) and isinstance(value, kinds[type(choice)]):
            yield from mismatches(choice, value, path)
            return
    words = {Text: "text", ListOf: "a list", Whole: "a whole number", Flag: "true or false"}
    expected = " or ".join(dict.fromkeys(words.get(type(choice), "a mapping") for choice in schema.choices))
    yield path, f"must be {expected}, not {kind_of(value)}"


def _aws(schema: Aws, value: Any, path: ValuePath) -> Iterator[Mismatch]:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        yield path, f"must be a mapping, not {kind_of(value)}"
        return
    parameters = aws_shapes.parameters(schema.service, schema.operations, schema.part)
    allowed = {name: shape for name, shape in parameters.items() if name not in schema.instead}
    for name, inner in value.items():
        if name in allowed:
            yield from aws_shapes.mismatches(allowed[name], inner, (*path, name))
        elif name in schema.instead:
            yield (*path, name), f"is not given here ({schema.instead[name]})"
        else:
            yield (*path, name), aws_shapes.unknown_parameter(name, allowed)


def _shown(value: object) -> str:
    return f"text {value!r}" if isinstance(value, str) else f"{value}" if isinstance(value, float) else kind_of(value)


def _bounds(least: int, most: int | None) -> str:
    return f"at least {least}" if most is None else f"between {least} and {most}"
