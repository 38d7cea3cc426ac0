"""AWS's own parameters, checked against botocore's models, with places and near names."""

import functools
from collections.abc import Iterator, Mapping
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


def _too_few(shape: "Shape", size: float, path: ValuePath, what: str) -> Iterator[tuple[ValuePath, str]]:
    """The least that AWS accepts; its models give higher limits for the most than it keeps to."""
    least = shape.metadata.get("min")
    if least is not None and size < least:
        yield path, f"{what} at least {least} ({shape.name})"


def _list(shape: "Shape", value: Any, path: ValuePath) -> Iterator[tuple[ValuePath, str]]:  # noqa: ANN401 - YAML
    if not isinstance(value, list):
        yield path, f"must be a list ({shape.name}), not {kind_of(value)}"
        return
    yield from _too_few(shape, len(value), path, "must hold")
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
    if isinstance(value, str) and shape.type_name == "string" and "${" not in value:
        yield from _too_few(shape, len(value), path, "must have a length of")
    elif isinstance(value, int | float) and shape.type_name in {"integer", "long", "float", "double"}:
        yield from _too_few(shape, value, path, "must be")
    allowed = () if shape.name in OPEN else getattr(shape, "enum", ())
    if allowed and value not in allowed:
        near = nearest(str(value), allowed)
        said = f"did you mean {near}?" if near else f"known: {', '.join(allowed)}"
        yield path, f"{value!r} is not a {shape.name} ({said})"
