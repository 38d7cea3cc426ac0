"""Items: where they are declared, and plain values as DynamoDB's types."""

import base64
import csv
import decimal
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO, TypeAlias, cast

from bootstrap.errors import Place
from bootstrap.seeds.model import Fixture, Value, digest
from bootstrap.seeds.schema import Either, ListOf, MapOf, Record, Text
from bootstrap.seeds.services.dynamodb.item_forms import (
    entries,
    form_of,
    is_ion,
    is_typed,
    looks_typed,
    unwrapped,
)
from bootstrap.seeds.services.dynamodb.limits import is_in_range
from bootstrap.seeds.type_names import kind_of
from bootstrap.yamltext.positions import ValuePath

Item: TypeAlias = dict[str, dict[str, Any]]
"""An item in DynamoDB's JSON: `{"id": {"S": "1"}, "total": {"N": "9.50"}}`, binary as base64."""

TYPES = ("S", "N", "B", "BOOL", "SS", "NS", "BS", "JSON")
_SOURCE = Record(
    keys={
        "file": Text(),
        "format": Text(choices=("jsonl", "json", "csv", "dynamodb")),
        "types": MapOf(Text(choices=TYPES)),
        "separator": Text(),
    },
    required=("file",),
)
ITEM_FILES = Either((Text(), _SOURCE, ListOf(Either((Text(), _SOURCE)))))

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv"}
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_DIGITS = decimal.Context(prec=60)
_MOST_DIGITS = 38


class ItemError(ValueError):
    """An item that DynamoDB cannot hold; names the reason and, if that is known, in which line of which file."""

    def __init__(self, text: str, place: Place | None = None) -> None:
        super().__init__(text if place is None else f"{place}: {text}")
        self.text = text
        self.place = place


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A file of items."""

    file: Path
    shown: str
    format: str
    types: Mapping[str, str]
    separator: str
    table: str = ""
    keys: tuple[str, ...] = ()
    """The attributes of the table's key."""

    def fingerprint(self) -> str:
        """Of the file's bytes and how they are read."""
        with self.file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        return digest([content, self.format, dict(self.types), self.separator])

    def items(self) -> Iterator[tuple[Place, Item]]:
        """One after the other; the file is never held as a whole.

        Raises:
            ItemError: what is wrong, with `file:line`.
        """
        for place, entry in self.entries():
            if isinstance(entry, ItemError):
                raise entry
            yield place, entry

    def entries(self) -> Iterator[tuple[Place, Item | ItemError]]:
        """As `items`, but what is wrong with one is given in its place, and reading goes on where it can."""
        if self.format != "csv" and (text := self._whole()) is not None:
            yield from self._formed(text)
            return
        read: Mapping[str, Callable[[], Iterator[tuple[int, Any]]]] = {
            "jsonl": self._lines,
            "dynamodb": self._array if self._first() == "[" else self._lines,
            "json": self._array,
            "csv": self._rows,
        }
        convert = self._typed if self.format == "dynamodb" else self._csv_item if self.format == "csv" else self._plain
        for line, given in read[self.format]():
            place = Place(file=self.shown, line=line)
            try:
                yield place, given if isinstance(given, ItemError) else convert(given)
            except ItemError as error:
                yield place, ItemError(str(error), place)

    def _whole(self) -> str | None:
        """The whole text of a file whose root is one object of a form that holds items; None: it is none of those."""
        with self._opened() as stream:
            first = stream.readline()
            while first and not first.strip():
                first = stream.readline()
            if not first.lstrip().startswith((b"{", b"$")):
                return None
            try:
                value = json.loads(first)
            except ValueError:
                # An object over several lines, or Ion.
                value = None
            if value is not None and form_of(value) is None:
                return None
            stream.seek(0)
            return stream.read().decode(errors="replace")

    def _formed(self, text: str) -> Iterator[tuple[Place, Item | ItemError]]:
        if is_ion(text.lstrip()):
            yield Place(file=self.shown, line=1), self._wrong("is Amazon Ion: export the table as DynamoDB JSON", 1)
            return
        try:
            for entry in entries(text, self.table):
                place = Place(file=self.shown, line=entry.line)
                yield place, ItemError(entry.wrong, place) if entry.wrong else self._converted(entry.value, place)
        except ValueError as error:
            yield Place(file=self.shown, line=1), self._wrong(f"is not JSON: {error}", 1)

    def _converted(self, value: Any, place: Place) -> Item | ItemError:  # noqa: ANN401 - JSON
        try:
            return self._typed(value)
        except ItemError as error:
            return ItemError(str(error), place)

    def _opened(self) -> IO[bytes]:
        """The file's bytes; those of an export to S3 are compressed."""
        with self.file.open("rb") as stream:
            packed = stream.read(2) == _GZIP
        return cast("IO[bytes]", gzip.open(self.file)) if packed else self.file.open("rb")

    def _first(self) -> str:
        """The first character that says something."""
        with self._opened() as stream:
            return stream.read(_CHUNK).lstrip()[:1].decode(errors="replace")

    def _plain(self, value: Any) -> Item:  # noqa: ANN401 - JSON
        return self._typed(value) if looks_typed(value, self.keys) else to_item(value)

    def _typed(self, value: Any) -> Item:  # noqa: ANN401 - JSON
        """An item that is written in DynamoDB's JSON already."""
        inner = unwrapped(value, self.keys)
        if not is_typed(inner):
            form = form_of(inner)
            raise ItemError(f"is {form}" if form else 'is not an item in DynamoDB\'s JSON ({"id": {"S": "1"}})')
        return canonical(inner)

    def _wrong(self, text: str, line: int) -> ItemError:
        return ItemError(text, Place(file=self.shown, line=line))

    def _lines(self) -> Iterator[tuple[int, Any]]:
        with self._opened() as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, self._parsed(line, number)

    def _parsed(self, text: bytes | str, line: int) -> Any:  # noqa: ANN401 - JSON, or what is wrong with it
        try:
            return json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            return self._wrong(f"is not JSON: {error}", line)

    def _array(self) -> Iterator[tuple[int, Any]]:
        """The elements of a JSON array, read piece by piece."""
        line = 1
        try:
            with TextIOWrapper(self._opened(), encoding="utf-8-sig") as stream:
                for line, value in self._elements(stream):
                    yield line, value
        except ItemError as error:
            yield error.place.line or line if error.place else line, error
        except UnicodeDecodeError as error:
            yield line, self._wrong(f"is not UTF-8: {error}", line)

    def _elements(self, stream: TextIO) -> Iterator[tuple[int, Any]]:
        decoder = json.JSONDecoder(parse_float=Decimal)
        text, line, ended = stream.read(_CHUNK), 1, False
        text, line = _skip(text, line, "")
        if not text.startswith("["):
            raise self._wrong("must be a JSON array of items", line)
        text, line = _skip(text[1:], line, "")
        while not text.startswith("]"):
            try:
                value, end = decoder.raw_decode(text)
            except ValueError as error:
                if ended:
                    raise self._wrong(f"is not JSON: {error}", line) from None
                more = stream.read(max(_CHUNK, len(text)))
                ended = not more
                text += more
                text, line = _skip(text, line, "")
                continue
            yield line, value
            line += text.count("\n", 0, end)
            text, line = _skip(text[end:], line, ",")

    def _rows(self) -> Iterator[tuple[int, Any]]:
        line = 1
        try:
            with self.file.open("rb") as stream:
                # Decoded line by line, so that the line is known if that cannot be done.
                reader = csv.DictReader(
                    (text.decode().removeprefix("\ufeff") for text in stream), restkey="", strict=True
                )
                for row in reader:
                    line = reader.line_num
                    yield line, self._wrong("has more cells than the header", line) if "" in row else row
        except csv.Error as error:
            yield line + 1, self._wrong(f"is not CSV: {error}", line + 1)
        except UnicodeDecodeError as error:
            yield line + 1, self._wrong(f"is not UTF-8: {error}", line + 1)

    def _csv_item(self, row: Mapping[str, str | None]) -> Item:
        """An empty cell is an attribute that is not there."""
        return {name: self._cell(name, text) for name, text in row.items() if text}

    def _cell(self, name: str, text: str) -> dict[str, Any]:
        kind = self.types.get(name, "S")
        if kind in {"SS", "NS", "BS"}:
            return {kind: sorted({_scalar(kind[0], part, name) for part in text.split(self.separator)})}
        if kind == "JSON":
            return to_attribute(self._json_cell(name, text), name)
        if kind == "BOOL":
            if text.lower() not in {"true", "false"}:
                raise ItemError(f"{name}: {text!r} is neither true nor false")
            return {"BOOL": text.lower() == "true"}
        return {kind: _scalar(kind, text, name)}

    def _json_cell(self, name: str, text: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads(text, parse_float=Decimal)
        except ValueError as error:
            raise ItemError(f"{name}: is not JSON: {error}") from None


def sources(fixture: Fixture, key_types: Mapping[str, str]) -> list[Source]:
    """The files of items that a fixture names; key attributes have their declared types in CSV, too."""
    given = fixture.body.get("itemFiles", [])
    return [_source(fixture, item, key_types) for item in (given if isinstance(given, list) else [given])]


def _source(fixture: Fixture, given: Value, key_types: Mapping[str, str]) -> Source:
    spec: dict[str, Any] = {"file": given} if isinstance(given, str) else given
    file = fixture.file(spec["file"])
    format_name = spec.get("format") or _format_of(file)
    types: dict[str, str] = {name: kind for name, kind in key_types.items() if kind != "S"} | spec.get("types", {})
    return Source(
        file=file,
        shown=str(file),
        format=format_name,
        types=types,
        separator=spec.get("separator", "|"),
        table=fixture.id.name,
        keys=tuple(key_types),
    )


def _format_of(file: Path) -> str:
    """By the name's ending; `.json.gz` is what an export to S3 is called."""
    name = file.name.lower().removesuffix(".gz")
    # An export to S3 is JSON Lines in spite of its name.
    return "dynamodb" if name != file.name.lower() and name.endswith(".json") else _SUFFIXES.get(Path(name).suffix, "")


def source_problems(fixture: Fixture) -> Iterator[tuple[ValuePath, str]]:
    """Files that are not there, or whose format is not known."""
    given = fixture.body.get("itemFiles", [])
    many = isinstance(given, list)
    for number, item in enumerate(given if many else [given]):
        path: ValuePath = ("itemFiles", number) if many else ("itemFiles",)
        spec = {"file": item} if isinstance(item, str) else item
        if not fixture.file(spec["file"]).is_file():
            yield path, f"there is no file {spec['file']}"
        elif "format" not in spec and not _format_of(fixture.file(spec["file"])):
            yield path, "its name does not show its format (write format: jsonl, json, csv or dynamodb)"


def to_item(value: Any) -> Item:  # noqa: ANN401 - JSON or YAML
    """A plain mapping as an item."""
    if not isinstance(value, dict):
        raise ItemError(f"an item must be a mapping, not {kind_of(value)}")
    return {name: to_attribute(inner, name) for name, inner in value.items()}


def to_attribute(value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - JSON or YAML
    """Text, numbers (exact), booleans, null, lists and mappings as they are; `{$set: […]}` and `{$binary: base64}`."""
    match value:
        case list():
            return {"L": [to_attribute(inner, f"{path}[{number}]") for number, inner in enumerate(value)]}
        case {"$set": list() as members} if len(value) == 1:
            return _set(members, path)
        case {"$binary": str() as text} if len(value) == 1:
            return {"B": _scalar("B", text, path)}
        case dict():
            return {"M": {name: to_attribute(inner, f"{path}.{name}") for name, inner in value.items()}}
        case _:
            return _scalar_attribute(value, path)


def _scalar_attribute(value: object, path: str) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case int() | float() | Decimal():
            return {"N": number_text(value, path)}
        case bytes():
            return {"B": base64.b64encode(value).decode()}
        case _:
            raise ItemError(f"{path}: {kind_of(value)} has no DynamoDB type")


def _set(members: list[Any], path: str) -> dict[str, Any]:
    kinds = {next(iter(to_attribute(member, path))) for member in members}
    if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
        raise ItemError(f"{path}: a set holds texts, numbers or binary values, of one kind, and at least one")
    kind = kinds.pop()
    return {f"{kind}S": sorted({to_attribute(member, path)[kind] for member in members})}


def _scalar(kind: str, text: str, path: str) -> str:
    if kind == "N":
        return number_text(text, path)
    if kind == "B":
        try:
            return base64.b64encode(base64.b64decode("".join(text.split()), validate=True)).decode()
        except ValueError:
            raise ItemError(f"{path}: {text!r} is not base64") from None
    return text


def number_text(value: float | Decimal | str, path: str = "") -> str:
    """The number as DynamoDB keeps it: exact, without zeros that say nothing."""
    try:
        number = Decimal(getattr(value, "text", None) or str(value)).normalize(_DIGITS)
    except InvalidOperation:
        raise ItemError(f"{path}: {value!r} is not a number") from None
    if not number.is_finite() or len(number.as_tuple().digits) > _MOST_DIGITS:
        raise ItemError(f"{path}: {value} has more than {_MOST_DIGITS} digits, or no end")
    if not number:
        return "0"
    if not is_in_range(number.adjusted()):
        raise ItemError(f"{path}: {value} is out of DynamoDB's range (1E-130 to 9.99E+125)")
    return format(number, "f") if -_MOST_DIGITS < number.adjusted() < _MOST_DIGITS else str(number)


def canonical(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """The one form in which an item is compared: numbers without zeros that say nothing, sets in order."""
    return {name: _canonical(value) for name, value in item.items()}


def _canonical(value: Mapping[str, Any]) -> dict[str, Any]:
    for kind, inner in value.items():
        match kind:
            case "N":
                return {"N": number_text(inner)}
            case "NS":
                return {"NS": sorted(number_text(number) for number in inner)}
            case "SS" | "BS":
                return {kind: sorted(inner)}
            case "L":
                return {"L": [_canonical(element) for element in inner]}
            case "M":
                return {"M": {name: _canonical(element) for name, element in inner.items()}}
            case _:
                break
    return dict(value)


def to_plain(value: Mapping[str, Any]) -> Value:
    """An attribute as it is written in fixtures: the inverse of `to_attribute`."""
    kind, inner = next(iter(value.items()))
    match kind:
        case "L":
            return [to_plain(element) for element in inner]
        case "M":
            return {name: to_plain(element) for name, element in inner.items()}
        case "SS" | "NS" | "BS":
            return {"$set": [to_plain({kind[0]: element}) for element in inner]}
        case _:
            scalars = {"B": {"$binary": inner}, "NULL": None}
            return _plain_number(inner) if kind == "N" else scalars.get(kind, inner)


def _plain_number(text: str) -> Value:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() and "E" not in text else float(number)


def _skip(text: str, line: int, extra: str) -> tuple[str, int]:
    rest = text.lstrip(" \t\r\n" + extra)
    return rest, line + text.count("\n", 0, len(text) - len(rest))
