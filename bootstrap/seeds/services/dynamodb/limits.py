"""What DynamoDB refuses of a table and of an item, and emulators accept.

"Quotas in Amazon DynamoDB" and "DynamoDB item sizes and formats" in the DynamoDB developer guide, CreateTable in its
API reference.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.seeds.model import Value
from bootstrap.yamltext.positions import ValuePath

Wrong = tuple[ValuePath, str]

_ITEM_BYTES = 400 * 1024
_KEY_BYTES = (2048, 1024)
"""Of a partition key and of a sort key."""
_DEPTH = 32
_PROJECTED = 100
_BINARY = 3 / 4
_MOST_EXPONENT = 126
_LEAST_EXPONENT = -130


def definition_problems(definition: Mapping[str, Value], body: Mapping[str, Value]) -> Iterator[Wrong]:
    """Capacity of a table that has none, attributes that nothing uses as a key, and what indexes project."""
    if definition["BillingMode"] == "PAY_PER_REQUEST":
        yield from _capacity_problems(definition, body)
    yield from _attribute_problems(definition)
    yield from (((kind,), "must not be empty (leave it out)") for kind in _INDEXES if body.get(kind) == {})
    lists = (
        index.get("Projection", {}).get("NonKeyAttributes") or ()
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        for index in definition.get(kind) or ()
    )
    projected = sum(map(len, lists))
    if projected > _PROJECTED:
        yield (), f"its indexes project {projected} attributes, and AWS allows {_PROJECTED} in all"


_INDEXES = ("globalIndexes", "localIndexes")


def _capacity_problems(definition: Mapping[str, Value], body: Mapping[str, Value]) -> Iterator[Wrong]:
    text = "is for billing: PROVISIONED, and this table is PAY_PER_REQUEST"
    if "ProvisionedThroughput" in definition:
        yield ("capacity",) if "capacity" in body else ("aws", "ProvisionedThroughput"), text
    for name, index in body.get("globalIndexes", {}).items():
        if "capacity" in index:
            yield ("globalIndexes", name, "capacity"), text


def _attribute_problems(definition: Mapping[str, Value]) -> Iterator[Wrong]:
    indexes = (*(definition.get("GlobalSecondaryIndexes") or ()), *(definition.get("LocalSecondaryIndexes") or ()))
    schemas = [definition.get("KeySchema") or (), *(index["KeySchema"] for index in indexes)]
    used = {key["AttributeName"] for schema in schemas for key in schema}
    defined = {attribute["AttributeName"] for attribute in definition["AttributeDefinitions"]}
    for name in sorted(defined - used):
        yield ("aws", "AttributeDefinitions"), f"{name} is neither a key of the table nor of an index"
    for name in sorted(used - defined):
        yield ("aws", "AttributeDefinitions"), f"the type of the key {name} is missing"


def item_problems(item: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]) -> Iterator[str]:
    """An item that is too large, too deep, or has a key that is too long."""
    for name, most in zip(keys, _KEY_BYTES, strict=False):
        size = _size(item[name])
        if size > most:
            yield f"the key attribute {name} has {size} bytes, and AWS allows {most}"
    size = sum(len(name.encode()) + _size(value) for name, value in item.items())
    if size > _ITEM_BYTES:
        yield f"has {size} bytes, and AWS allows {_ITEM_BYTES}"
    deep = next((name for name, value in item.items() if _depth(value) > _DEPTH), None)
    if deep is not None:
        yield f"{deep}: is nested more than {_DEPTH} levels deep"


def _size(value: Mapping[str, Any]) -> int:
    """Bytes as DynamoDB counts them, or a few less."""
    kind, inner = next(iter(value.items()))
    match kind:
        case "SS" | "NS" | "BS":
            return sum(_scalar_size(kind[0], member) for member in inner)
        case "L":
            return 3 + sum(1 + _size(member) for member in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(member) for name, member in inner.items())
        case _:
            return _scalar_size(kind, inner)


def _scalar_size(kind: str, value: Any) -> int:  # noqa: ANN401 - JSON
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return (len(value) + 1) // 2 + 1
        case "B":
            return int(len(value) * _BINARY)
        case _:
            return 1


def _depth(value: Mapping[str, Any]) -> int:
    kind, inner = next(iter(value.items()))
    members = inner if kind == "L" else inner.values() if kind == "M" else ()
    return 1 + max(map(_depth, members), default=0) if kind in {"L", "M"} else 0


def is_in_range(adjusted_exponent: int) -> bool:
    """Whether a number of this exponent is between 1E-130 and 9.99…E+125."""
    return _LEAST_EXPONENT <= adjusted_exponent < _MOST_EXPONENT
