"""The items of one table: loaded, compared and repaired in constant memory."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bootstrap.config.documents import ValuePath
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.seeds.dynamodb_items import Item, ItemError, Source, canonical, sources, to_item, to_plain
from bootstrap.seeds.dynamodb_sums import SeenKeys, Sums, bucket_of, groups, key_text
from bootstrap.seeds.dynamodb_table import Definition, key_types
from bootstrap.seeds.model import Difference, DifferenceKind, Fixture, Value, digest
from bootstrap.seeds.target import Target

_BATCH = 25
_PAGE = 2000
"""Items of one Scan: emulators do not stop at a megabyte, as AWS does."""
_BACKOFF_SECONDS = 0.05
_TRIES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What is declared to be in a table."""

    fixture: Fixture
    inline: tuple[Item, ...]
    files: tuple[Source, ...]
    keys: Mapping[str, str]
    """Key attribute → type, partition first."""

    @staticmethod
    def of(fixture: Fixture, body: Mapping[str, Value], made: Definition) -> "Contents | None":
        """None where nothing is declared."""
        if "items" not in body and "itemFiles" not in body:
            return None
        keys = key_types(made)
        inline = tuple(
            canonical(to_item(_exact(fixture, number, one))) for number, one in enumerate(body.get("items", ()))
        )
        return Contents(fixture=fixture, inline=inline, files=tuple(sources(fixture, keys)), keys=keys)

    def fingerprint(self) -> str:
        """Of everything declared; files by their bytes."""
        return digest([list(self.inline), [source.fingerprint() for source in self.files]])

    def items(self) -> Iterator[tuple[Place, str, Item]]:
        """Place, key and item, one after the other.

        Raises:
            InvalidError: an item that DynamoDB cannot hold, with its file and line.
        """
        try:
            for place, item in self._all():
                wrong = self.key_problem(item, self.keys)
                if wrong:
                    raise InvalidError([Problem(place=place, text=wrong)])
                yield place, key_text(item, tuple(self.keys)), item
        except ItemError as error:
            place = error.place or self.fixture.place
            raise InvalidError([Problem(place=place, text=error.text)]) from None

    def _all(self) -> Iterator[tuple[Place, Item]]:
        for number, item in enumerate(self.inline):
            yield self.fixture.document.place((*self.fixture.path, "items", number)), item
        for source in self.files:
            yield from source.items()

    def load(self, target: Target, table: str) -> dict[str, Value]:
        """Put everything into an empty table, in one pass; what the marker is to remember."""
        sums = Sums()
        puts = ({"PutRequest": {"Item": item}} for item in self._counted(sums))
        target.stream(lambda batch: _send(target, table, batch), _chunks(puts))
        return _notes(sums)

    def _counted(self, sums: Sums) -> Iterator[Item]:
        """The items, added up; a key that comes twice is an error, since which one stays would be chance."""
        seen = SeenKeys()
        suspects: set[str] = set()
        for _, key, item in self.items():
            if seen.again(key):
                suspects.add(key)
            sums.add(key, item)
            yield item
        if suspects:
            self._refuse_twins(suspects)

    def _refuse_twins(self, suspects: set[str]) -> None:
        first: dict[str, Place] = {}
        problems = []
        for place, key, _ in self.items():
            if key in suspects and key in first:
                problems.append(Problem(place=place, text=f"has the same key as {first[key]}: {key}"))
            elif key in suspects:
                first[key] = place
        if problems:
            raise InvalidError(problems)

    def differences(
        self, target: Target, table: str, known: Value, *, most: int, applied: bool
    ) -> Iterator[Difference]:
        """Item by item and attribute by attribute; at most `most`, and how many more.

        `known` is the total that the marker remembers of what is declared: with it the files need not be read.
        """
        there = _scanned_sums(target, table, tuple(self.keys))
        if known is not None and known == there.total():
            return
        wanted = self._sums()
        told = 0
        for key, old, new in self._unlike(target, table, wanted, there):
            for one in _item_differences(key, old, new, applied=applied):
                told += 1
                if told <= most:
                    yield one
        if told > most:
            kind = DifferenceKind.DRIFTED if applied else DifferenceKind.CHANGED
            yield Difference(path="items/…", old=f"{told - most} more", new="as declared", kind=kind)

    def repair(self, target: Target, table: str, *, delete_extra: bool) -> dict[str, Value]:
        """Put what is missing or different; delete what is not declared where that is asked for."""
        wanted = self._sums()
        there = _scanned_sums(target, table, tuple(self.keys))
        if not there.count:
            return self.load(target, table)

        def requests() -> Iterator[dict[str, Value]]:
            for _, old, new in self._unlike(target, table, wanted, there):
                if new is not None:
                    yield {"PutRequest": {"Item": new}}
                elif delete_extra and old is not None:
                    yield {"DeleteRequest": {"Key": {name: old[name] for name in self.keys}}}

        target.stream(lambda batch: _send(target, table, batch), _chunks(requests()))
        return _notes(wanted)

    def _sums(self) -> Sums:
        sums = Sums()
        for _ in self._counted(sums):
            pass
        return sums

    def _unlike(
        self, target: Target, table: str, wanted: Sums, there: Sums
    ) -> Iterator[tuple[str, Item | None, Item | None]]:
        """Key, item found, item declared, where those are not equal."""
        for group in groups(wanted.differing(there), wanted, there):
            old = {key: item for key, item in _scanned(target, table, tuple(self.keys)) if bucket_of(key) in group}
            for _, key, item in self.items():
                if bucket_of(key) in group:
                    found = old.pop(key, None)
                    if found != item:
                        yield key, found, item
            for key, item in old.items():
                yield key, item, None

    @staticmethod
    def key_problem(item: Item, keys: Mapping[str, str]) -> str | None:
        """What is wrong with the item's key."""
        for name, kind in keys.items():
            if name not in item:
                return f"the key attribute {name} is missing"
            found = next(iter(item[name]))
            if found != kind:
                return f"the key attribute {name} must be of type {kind}, not {found}"
            if item[name][kind] == "":
                return f"the key attribute {name} must not be empty"
        return None

    @staticmethod
    def key_of(item: Item, keys: Mapping[str, str]) -> str:
        """The item's key as text."""
        return key_text(item, tuple(keys))

    @staticmethod
    def clear(target: Target, table: str, keys: Sequence[str]) -> None:
        """Delete every item."""
        gone = (
            {"DeleteRequest": {"Key": {name: item[name] for name in keys}}} for _, item in _scanned(target, table, keys)
        )
        target.stream(lambda batch: _send(target, table, batch), _chunks(gone))

    @staticmethod
    def lines(target: Target, table: str) -> Iterator[str]:
        """Every item as a line of DynamoDB's JSON."""
        for _, item in _scanned(target, table, ()):
            yield json.dumps(item, sort_keys=True, ensure_ascii=False) + "\n"


def _exact(fixture: Fixture, number: int, item: Value) -> Value:
    """The item with its numbers as they were written, digit for digit."""

    def walk(value: Value, path: ValuePath) -> Value:
        match value:
            case dict():
                return {key: walk(inner, (*path, key)) for key, inner in value.items()}
            case list():
                return [walk(inner, (*path, index)) for index, inner in enumerate(value)]
            case float():
                return ExactNumber(value, fixture.document.written((*fixture.path, "items", number, *path)))
            case _:
                return value

    return walk(item, ())


class ExactNumber(float):
    """A number that remembers how it was written."""

    text: str

    def __new__(cls, value: float, text: str | None) -> Self:
        """`value` as `text` writes it."""
        made = super().__new__(cls, value)
        made.text = text or repr(value)
        return made


def _scanned(target: Target, table: str, keys: Sequence[str]) -> Iterator[tuple[str, Item]]:
    start: Value = None
    while True:
        request = {"TableName": table, "Limit": _PAGE, **({"ExclusiveStartKey": start} if start else {})}
        page = target.raw("Scan", json.dumps(request).encode())
        for found in page["Items"]:
            item = canonical(found)
            yield key_text(item, keys), item
        start = page.get("LastEvaluatedKey")
        if not start:
            return


def _scanned_sums(target: Target, table: str, keys: Sequence[str]) -> Sums:
    sums = Sums()
    for key, item in _scanned(target, table, keys):
        sums.add(key, item)
    return sums


def _notes(sums: Sums) -> dict[str, Value]:
    return {"items.count": sums.count, "items.total": sums.total()}


def _chunks(requests: Iterable[dict[str, Value]]) -> Iterator[list[dict[str, Value]]]:
    held: list[dict[str, Value]] = []
    for request in requests:
        held.append(request)
        if len(held) == _BATCH:
            yield held
            held = []
    if held:
        yield held


def _send(target: Target, table: str, batch: Sequence[dict[str, Value]]) -> None:
    """BatchWriteItem, again for what was not processed."""
    left = {table: list(batch)}
    waiting = target.cancel.within(_BACKOFF_SECONDS * _TRIES * _TRIES, f"items being written to {table}")
    for tried in range(1, _TRIES):
        request = json.dumps({"RequestItems": left}).encode()
        left = target.raw("BatchWriteItem", request).get("UnprocessedItems") or {}
        if not left:
            return
        waiting.sleep(_BACKOFF_SECONDS * tried)
    waiting.cancel(f"{table} takes no more items")
    waiting.check()


def _item_differences(key: str, old: Item | None, new: Item | None, *, applied: bool) -> Iterator[Difference]:
    path = f"items/{_shown_key(key)}"
    if new is None:
        yield Difference(path=path, old=_plain(old), kind=DifferenceKind.EXTRA)
        return
    kind = DifferenceKind.DRIFTED if applied else DifferenceKind.CHANGED
    if old is None:
        yield Difference(path=path, new=_plain(new), kind=kind)
        return
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            before = to_plain(old[name]) if name in old else None
            after = to_plain(new[name]) if name in new else None
            yield Difference(path=f"{path}.{name}", old=before, new=after, kind=kind)


def _plain(item: Item | None) -> Value:
    return {name: to_plain(value) for name, value in (item or {}).items()}


def _shown_key(key: str) -> str:
    """`42,2024-01-01`."""
    return ",".join(str(next(iter(value.values()))) for value in json.loads(key) if value)
