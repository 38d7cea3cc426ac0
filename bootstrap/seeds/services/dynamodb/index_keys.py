"""What a secondary index asks of the items in its table.

An item without an index's key attributes is fine: it is not in that index. One that has such an attribute in another
type, or empty, is refused by PutItem and BatchWriteItem as a whole.

The rule is AWS's: "Working with item data types" of global secondary indexes in the DynamoDB developer guide (an index
key attribute that is present must have the type of the key), and "Handling items that contain empty strings" (an empty
string or binary value is not valid for a key attribute of an index).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.seeds.model import Value

IndexKeys = Mapping[str, tuple[str, tuple[str, ...]]]
"""Attribute → its type, and the indexes that it is a key of."""


def index_keys(definition: Mapping[str, Value]) -> IndexKeys:
    """The key attributes of all indexes of a table's definition that are not keys of the table."""
    types = {
        attribute_definition["AttributeName"]: attribute_definition["AttributeType"]
        for attribute_definition in definition["AttributeDefinitions"]
    }
    own = {key["AttributeName"] for key in definition["KeySchema"]}
    users: dict[str, list[str]] = {}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for index in definition.get(kind) or ():
            for key in index["KeySchema"]:
                if key["AttributeName"] not in own:
                    users.setdefault(key["AttributeName"], []).append(index["IndexName"])
    return {name: (types.get(name, "S"), tuple(indexes)) for name, indexes in users.items()}


def index_key_problems(item: Mapping[str, Mapping[str, Any]], keys: IndexKeys) -> Iterator[str]:
    """What is wrong with an item's attributes that indexes use."""
    for name, (kind, indexes) in keys.items():
        if name not in item:
            continue
        where = f"a key of {'index' if len(indexes) == 1 else 'indexes'} {', '.join(indexes)}"
        given, value = next(iter(item[name].items()))
        if given != kind:
            yield f"the attribute {name}, {where}, must be of type {kind}, not {given}"
        elif value == "":
            yield f"the attribute {name}, {where}, must not be empty (leave it out)"
