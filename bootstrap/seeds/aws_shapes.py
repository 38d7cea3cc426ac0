"""AWS's own parameters, checked against botocore's models, with places and near names."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bootstrap.seeds.aws_client import service_model
from bootstrap.seeds.type_names import kind_of
from bootstrap.yamltext.positions import ValuePath, nearest

if TYPE_CHECKING:
    from botocore.model import Shape


@functools.cache
def members(service: str, operation: str) -> "Mapping[str, Shape]":
    """The parameters of an operation."""
    shape = service_model(service).operation_model(operation).input_shape
    return {} if shape is None else shape.members


def parameters(service: str, operations: Iterable[str], part: tuple[str, ...] = ()) -> "Mapping[str, Shape]":
    """The parameters of all these operations, or those of this part of them."""
    if not part:
        return {name: shape for operation in operations for name, shape in members(service, operation).items()}
    shapes = [limits(service, operation, part) for operation in operations]
    return {name: inner for shape in shapes for name, inner in shape.members.items()}  # type: ignore[attr-defined] # structures


def mismatches(shape: "Shape", value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    """Everything about `value` that AWS's model does not allow, with the way to it."""
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, path)
        case "list":
            yield from _list(shape, value, path)
        case "map":
            yield from _map(shape, value, path)
        case _:
            yield from _scalar(shape, value, path)


def accepted(service: str, operation: str, name: str, value: Any) -> Any:  # noqa: ANN401 - what AWS returned
    """The answer's value of a parameter, as it may be given: without what only answers hold, and what is empty."""
    return _accepted(members(service, operation)[name], value)


def _accepted(shape: "Shape", value: Any) -> Any:  # noqa: ANN401 - what AWS returned
    if shape.type_name == "structure" and isinstance(value, dict):
        shapes: Mapping[str, Shape] = getattr(shape, "members", {})
        kept = {name: _accepted(shapes[name], inner) for name, inner in value.items() if name in shapes}
        return {name: inner for name, inner in kept.items() if inner not in (None, "", {}, [])}
    if shape.type_name == "list" and isinstance(value, list):
        return [_accepted(shape.member, inner) for inner in value]  # type: ignore[attr-defined] # of list shapes
    return value


def unknown_parameter(name: str, candidates: Mapping[str, object]) -> str:
    """What to say of a parameter that AWS does not have."""
    near = nearest(name, candidates)
    return f"unknown AWS parameter (did you mean {near}?)" if near else "unknown AWS parameter"


def _structure(shape: "Shape", value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        yield path, f"must be a mapping ({shape.name}), not {kind_of(value)}"
        return
    shapes: Mapping[str, Shape] = getattr(shape, "members", {})
    for name, inner in value.items():
        if name in shapes:
            yield from mismatches(shapes[name], inner, (*path, name))
        else:
            yield (*path, name), unknown_parameter(name, shapes)
    for name in getattr(shape, "required_members", ()):
        if name not in value:
            yield path, f"{name} is required by AWS ({shape.name})"


def limits(service: str, operation: str, way: tuple[str, ...]) -> "Shape":
    """The shape of a parameter's part: `("Code", "S3Key")`; `[]` is a member of a list, `{}` a value of a map."""
    shapes = members(service, operation)
    shape = shapes[way[0]]
    for name in way[1:]:
        match name:
            case "[]":
                shape = shape.member  # type: ignore[attr-defined] # of list shapes
            case "{}":
                shape = shape.value  # type: ignore[attr-defined] # of map shapes
            case _:
                shape = shape.members[name]  # type: ignore[attr-defined] # of structures
    return shape


def scalar_mismatches(shape: "Shape", value: str | float, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    """What AWS's model says of a text's length and form, or of a number's size."""
    if isinstance(value, str):
        if "${" not in value:
            yield from sized(shape, len(value), path, "must have a length of")
            yield from _formed(shape, value, path)
        return
    yield from sized(shape, value, path, "must be")


def sized(shape: "Shape", size: float, path: ValuePath, what: str) -> Iterator[tuple[ValuePath, str]]:
    """The least and the most that AWS's model allows; services may keep to less, never to more."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield path, f"{what} at least {least} ({shape.name})"
    elif most is not None and size > most:
        yield path, f"{what} at most {most}, not {size} ({shape.name})"


@functools.cache
def _pattern(text: str) -> "re.Pattern[str] | None":
    """As Python reads it; None for one that only Java can."""
    if r"\p{" in text:
        return None
    try:
        return re.compile(text)
    except re.error:
        return None


def _formed(shape: "Shape", value: str, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern is not None and pattern.pattern and not pattern.fullmatch(value):
        yield path, f"must match {pattern.pattern} ({shape.name})"


def _list(shape: "Shape", value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    if not isinstance(value, list):
        yield path, f"must be a list ({shape.name}), not {kind_of(value)}"
        return
    yield from sized(shape, len(value), path, "must hold")
    for number, inner in enumerate(value):
        yield from mismatches(shape.member, inner, (*path, number))  # type: ignore[attr-defined] # of list shapes


def _map(shape: "Shape", value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        yield path, f"must be a mapping ({shape.name}), not {kind_of(value)}"
        return
    allowed = getattr(shape.key, "enum", ())  # type: ignore[attr-defined] # of map shapes
    for name, inner in value.items():
        if allowed and name not in allowed:
            yield (*path, name), unknown_parameter(name, dict.fromkeys(allowed))
        else:
            yield from mismatches(shape.value, inner, (*path, name))  # type: ignore[attr-defined] # of map shapes


_PYTHON: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (str, int, float),
    "blob": (str, bytes),
}
OPEN = frozenset({"Runtime"})
"""Enumerations that grow: an emulator may know more of it than the model here."""
_WORDS = {"boolean": "true or false", "integer": "a whole number", "long": "a whole number", "string": "text"}


def _scalar(shape: "Shape", value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    if isinstance(value, str) and "${ref:" in value:
        return
    types = _PYTHON.get(shape.type_name, (object,))
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types and object not in types):
        word = _WORDS.get(shape.type_name, f"a {shape.type_name}")
        hint = (
            f' (write "{value}")' if word == "text" and isinstance(value, int) and not isinstance(value, bool) else ""
        )
        yield path, f"must be {word}, not {kind_of(value)}{hint}"
        return
    if shape.type_name in {"string", "integer", "long", "float", "double"}:
        yield from scalar_mismatches(shape, value, path)  # type: ignore[arg-type] # checked right above
    allowed = () if shape.name in OPEN else getattr(shape, "enum", ())
    if allowed and value not in allowed:
        near = nearest(str(value), allowed)
        said = f"did you mean {near}?" if near else f"known: {', '.join(allowed)}"
        yield path, f"{value!r} is not a {shape.name} ({said})"
