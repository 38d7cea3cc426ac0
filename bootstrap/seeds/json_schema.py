"""The JSON Schema of fixture files, for editors: our words from the services' schemas, `aws:` from botocore's models.

What it refuses `seed lint` refuses too; what needs more than one value to be seen (overlaps, missing files) only
`seed lint` and `seed plan` find.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, assert_never

from bootstrap.model.labels import API_VERSION
from bootstrap.seeds import aws_shapes
from bootstrap.seeds.load import KIND
from bootstrap.seeds.schema import Anything, Aws, Either, Flag, ListOf, MapOf, Record, Schema, Text, Whole
from bootstrap.seeds.services.base import Service

if TYPE_CHECKING:
    from botocore.model import Shape

SCHEMA_ID = "https://bootstrap.dev/v1/seeds.schema.json"
_EXPRESSION = {"type": "string", "pattern": r"\$\{"}
"""A variable or a reference, which may stand for any scalar but true and false."""


def fixture_schema(services: Mapping[str, Service]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a fixture file."""
    definitions: dict[str, Any] = {}
    sections = {
        name: {
            "description": (service.__doc__ or name).partition("\n")[0],
            "type": ["object", "null"],
            "additionalProperties": _nullable(_of(service.schema, definitions)),
        }
        for name, service in services.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "bootstrap fixtures",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"description": "The version of this format.", "enum": [API_VERSION]},
            "kind": {"description": "What this file is.", "enum": [KIND]},
            **sections,
        },
        "$defs": dict(sorted(definitions.items())),
    }


def published_schema(services: Mapping[str, Service]) -> str:
    """The text of docs/seeds.schema.json."""
    return json.dumps(fixture_schema(services), indent=1, ensure_ascii=False) + "\n"


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """A fixture without a body, `orders-dlq:`, has none of the keys."""
    return schema if schema.get("required") else {"anyOf": [{"type": "null"}, schema]}


def _of(schema: Schema, definitions: dict[str, Any]) -> dict[str, Any]:
    match schema:
        case Text() | Whole() | Flag() | Anything():
            return _scalar(schema)
        case ListOf(item=item, like=like):
            return {"type": "array", "items": _of(item, definitions), **_sizes(like)}
        case MapOf(value=value):
            return {"type": "object", "additionalProperties": _of(value, definitions)}
        case Record():
            return _record(schema, definitions)
        case Either(choices=choices):
            return {"anyOf": [_of(choice, definitions) for choice in choices]}
        case Aws():
            return _aws(schema, definitions)
        case _:
            assert_never(schema)


def _scalar(schema: Text | Whole | Flag | Anything) -> dict[str, Any]:
    match schema:
        case Text(choices=(), empty=empty):
            return {"type": "string"} if empty else {"type": "string", "minLength": 1}
        case Text(choices=choices):
            return {"anyOf": [{"enum": list(choices)}, _EXPRESSION]}
        case Whole(least=least, most=most):
            bounds = {"minimum": least, **({} if most is None else {"maximum": most})}
            return {"anyOf": [{"type": "integer", **bounds}, _EXPRESSION]}
        case Flag():
            return {"type": "boolean"}
        case Anything():
            return {}
        case _:
            assert_never(schema)


def _sizes(like: tuple[str, ...]) -> dict[str, Any]:
    """How many members AWS's model allows."""
    if not like:
        return {}
    service, operation, *way = like
    metadata = aws_shapes.limits(service, operation, tuple(way)).metadata
    return {f"{word}Items": metadata[word] for word in ("min", "max") if metadata.get(word)}


def _record(schema: Record, definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {key: _of(value, definitions) for key, value in schema.keys.items()}
    record: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if schema.required:
        record["required"] = list(schema.required)
    if schema.one_of:
        given = [{"required": [key]} for key in schema.one_of]
        none = {"not": {"anyOf": given}}
        record["oneOf"] = given if schema.needs_one else [*given, none]
    return record


def _aws(schema: Aws, definitions: dict[str, Any]) -> dict[str, Any]:
    shapes = {
        name: shape
        for name, shape in aws_shapes.parameters(schema.service, schema.operations, schema.part).items()
        if name not in schema.instead
    }
    properties = {name: _shape(shape, schema.service, definitions) for name, shape in sorted(shapes.items())}
    description = f"AWS's own parameters of {', '.join(schema.operations)}."
    return {"description": description, "type": "object", "additionalProperties": False, "properties": properties}


def _shape(shape: "Shape", service: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A structure by its name, since some hold themselves; everything else in place."""
    if shape.type_name != "structure":
        return _plain_shape(shape, service, definitions)
    name = f"{service}.{shape.name}"
    if name not in definitions:
        definitions[name] = {}
        members = getattr(shape, "members", {})
        properties = {key: _shape(inner, service, definitions) for key, inner in members.items()}
        required = sorted(getattr(shape, "required_members", ()))
        definitions[name] = {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            **({"required": required} if required else {}),
        }
    return {"$ref": f"#/$defs/{name}"}


def _plain_shape(shape: "Shape", service: str, definitions: dict[str, Any]) -> dict[str, Any]:
    least = shape.metadata.get("min")
    match shape.type_name:
        case "list":
            few = {} if least is None else {"minItems": least}
            return {"type": "array", "items": _shape(shape.member, service, definitions), **few}  # type: ignore[attr-defined] # of list shapes
        case "map":
            keys = getattr(shape.key, "enum", ())  # type: ignore[attr-defined] # of map shapes
            named = {"propertyNames": {"enum": list(keys)}} if keys else {}
            return {"type": "object", "additionalProperties": _shape(shape.value, service, definitions), **named}  # type: ignore[attr-defined] # of map shapes
        case "boolean":
            return {"type": "boolean"}
        case "integer" | "long" | "float" | "double":
            kind = "integer" if shape.type_name in {"integer", "long"} else "number"
            bounds = {} if least is None else {"minimum": least}
            return {"anyOf": [{"type": kind, **bounds}, _EXPRESSION]}
        case "timestamp":
            return {"type": ["string", "number"]}
        case _:
            return _string_shape(shape, least)


def _string_shape(shape: "Shape", least: int | None) -> dict[str, Any]:
    allowed = () if shape.name in aws_shapes.OPEN else getattr(shape, "enum", ())
    if allowed:
        return {"anyOf": [{"enum": list(allowed)}, _EXPRESSION]}
    return {"type": "string", **({"minLength": least} if least and shape.type_name == "string" else {})}
