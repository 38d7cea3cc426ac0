"""Files of items in the forms that AWS's own tools write and read, distinguished by what they look like.

| form | by |
|---|---|
| an item in DynamoDB's JSON | every value names its type: `{"id": {"S": "1"}}` |
| export to S3 | each line holds an `Item` and nothing else |
| `aws dynamodb scan` and `query` | an object with `Items` |
| BatchWriteItem's request | tables with lists of PutRequest, with or without `RequestItems` around them |
| PutItem's and TransactWriteItems' request | `TableName` and `Item`; `TransactItems` |

An attribute may have any of these names: what is an item is decided by its values, and by the table's key.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_SCALARS: Mapping[str, type] = {"S": str, "N": str, "B": str, "BOOL": bool, "NULL": bool}
_ION = "$ion_1_0"

_decoder = json.JSONDecoder(parse_float=Decimal)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that stands for an item."""

    line: int
    value: Any
    """The item in DynamoDB's JSON."""
    wrong: str = ""
    """Why it is none; then `value` says nothing."""


def is_typed(value: object) -> bool:
    """Whether it is an item in DynamoDB's JSON: every value names its type, and holds what is of that type."""
    return isinstance(value, dict) and bool(value) and all(_is_attribute(item) for item in value.values())


def unwrapped(value: Any, keys: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    """What a line of an export to S3 holds; everything else as it is."""
    if not isinstance(value, dict) or set(value) != {"Item"}:
        return value
    inner = value["Item"]
    if not is_typed(inner):
        return value
    has_keys = isinstance(inner, dict) and set(keys) <= set(inner)
    return inner if has_keys or not is_typed(value) else value


def looks_typed(value: object, keys: Collection[str]) -> bool:
    """Whether a plain item is one in DynamoDB's JSON: its key attributes name their type, and a map is not a key."""
    if not isinstance(value, dict) or not keys:
        return False
    inner = unwrapped(value, keys)
    return all(_is_attribute(inner.get(name)) and set(inner[name]) <= {"S", "N", "B"} for name in keys)


def form_of(value: object) -> str | None:
    """What an object is that holds items, in the words of AWS; None: it is none of these forms."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("RequestItems"), dict) or _is_batch(value):
        return "a BatchWriteItem request"
    if isinstance(value.get("Items"), list) and {"Count", "ScannedCount"} & set(value):
        return "the output of aws dynamodb scan"
    if isinstance(value.get("TransactItems"), list):
        return "a TransactWriteItems request"
    if isinstance(value.get("TableName"), str) and isinstance(value.get("Item"), dict):
        return "a PutItem request"
    return _unreadable(value)


def is_ion(text: str) -> bool:
    """Whether a line is of an export to S3 in Amazon Ion."""
    return text.startswith(_ION)


def entries(text: str, table: str) -> Iterator[Entry]:
    """The items of a whole file whose root is an object of one of the forms.

    Raises:
        ValueError: it is not JSON.
    """
    start = len(text) - len(text.lstrip())
    value, _ = _decoder.raw_decode(text, start)
    first = _line(text, start)
    form = form_of(value)
    if form is None or _unreadable(value):
        yield Entry(first, None, f"is {form}" if form else _UNKNOWN)
        return
    if "RequestItems" in value:
        yield from _batch(text, _member(text, start, "RequestItems"), value["RequestItems"], table)
    elif "TransactItems" in value:
        yield from _transaction(text, _member(text, start, "TransactItems"), table)
    elif "Items" in value:
        yield from (Entry(_line(text, place), item) for place, item in _elements(text, _member(text, start, "Items")))
    elif "TableName" in value:
        yield _of_table(first, value["TableName"], value["Item"], table)
    else:
        yield from _batch(text, start, value, table)


_UNKNOWN = (
    "is an object in an unknown format (a JSON array of items, aws dynamodb scan's output, a BatchWriteItem request)"
)


def _batch(text: str, start: int, tables: Mapping[str, Any], table: str) -> Iterator[Entry]:
    if table not in tables:
        yield Entry(_line(text, start), None, f"is a BatchWriteItem request for {', '.join(tables)}, not for {table}")
        return
    for place, request in _elements(text, _member(text, start, table)):
        put = request.get("PutRequest") if isinstance(request, dict) else None
        if isinstance(put, dict) and isinstance(put.get("Item"), dict):
            yield Entry(_line(text, place), put["Item"])
        else:
            kind = next(iter(request), "nothing") if isinstance(request, dict) else "no request"
            yield Entry(
                _line(text, place), None, f"is a BatchWriteItem request with {kind}: only PutRequest is an item"
            )


def _transaction(text: str, start: int, table: str) -> Iterator[Entry]:
    for place, action in _elements(text, start):
        put = action.get("Put") if isinstance(action, dict) else None
        if isinstance(put, dict) and isinstance(put.get("Item"), dict):
            yield _of_table(_line(text, place), str(put.get("TableName")), put["Item"], table)
        else:
            yield Entry(_line(text, place), None, "is a TransactWriteItems request: only Put is an item")


def _of_table(line: int, named: str, item: Any, table: str) -> Entry:  # noqa: ANN401 - JSON
    wrong = "" if named == table else f"is an item for table {named}, not for {table}"
    return Entry(line, item, wrong)


def _is_batch(value: Mapping[str, Any]) -> bool:
    requests = [request for given in value.values() if isinstance(given, list) for request in given]
    kinds = ({"PutRequest"}, {"DeleteRequest"})
    listed = all(isinstance(given, list) for given in value.values())
    return (
        bool(requests) and listed and all(isinstance(request, dict) and set(request) in kinds for request in requests)
    )


def _unreadable(value: object) -> str | None:
    """The name of a form that holds no items that could be put."""
    if not isinstance(value, dict):
        return None
    if {"Metadata", "Keys"} <= set(value) and {"NewImage", "OldImage"} & set(value):
        return "an incremental export to S3: only a full export holds items"
    if "manifestFilesS3Key" in value or "exportArn" in value:
        return "the manifest of an export to S3: name its data files (data/*.json.gz)"
    if "dataFileS3Key" in value:
        return "the list of files of an export to S3: name its data files (data/*.json.gz)"
    return None


def _is_attribute(value: object) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    kind, inner = next(iter(value.items()))
    if kind == "M":
        return isinstance(inner, dict) and all(map(_is_attribute, inner.values()))
    if kind == "L":
        return isinstance(inner, list) and all(map(_is_attribute, inner))
    if kind in {"SS", "NS", "BS"}:
        return isinstance(inner, list) and all(isinstance(text, str) for text in inner)
    return isinstance(inner, _SCALARS.get(kind, ()))


def _member(text: str, start: int, expected: str) -> int:
    """Where the value of a member of the object at `start` begins."""
    place = _skip(text, start + 1)
    while text[place] != "}":
        key, place = _decoder.raw_decode(text, place)
        place = _skip(text, _skip(text, place) + 1)
        if key == expected:
            return place
        _, place = _decoder.raw_decode(text, place)
        place = _skip(text, place)
        place = _skip(text, place + 1) if text[place] == "," else place
    raise KeyError(expected)


def _elements(text: str, start: int) -> Iterator[tuple[int, Any]]:
    """Where each element of the array at `start` begins, and what it is."""
    if text[start] != "[":
        return
    place = _skip(text, start + 1)
    while text[place] != "]":
        value, end = _decoder.raw_decode(text, place)
        yield place, value
        place = _skip(text, end)
        place = _skip(text, place + 1) if text[place] == "," else place


def _skip(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
