"""The items of one table: loaded, compared and repaired in constant memory."""

import itertools
import json
from array import array
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.seeds.model import Difference, DifferenceKind, Fixture, Value, digest
from bootstrap.seeds.services.dynamodb.checksums import Sums, bucket_of, groups, key_hash, key_text
from bootstrap.seeds.services.dynamodb.index_keys import IndexKeys, index_key_problems, index_keys
from bootstrap.seeds.services.dynamodb.items import Item, ItemError, Source, canonical, sources, to_item, to_plain
from bootstrap.seeds.services.dynamodb.keys import Keys, remember, remembered
from bootstrap.seeds.services.dynamodb.limits import item_problems
from bootstrap.seeds.services.dynamodb.table import Definition, key_types
from bootstrap.seeds.target import Target
from bootstrap.yamltext.positions import ValuePath

_BATCH = 25
_PAGE = 2000
"""Items of one Scan: emulators do not stop at a megabyte, as AWS does."""
_BACKOFF_SECONDS = 0.05
_TRIES = 50


_UNDECLARED = frozenset({DifferenceKind.EXTRA, DifferenceKind.ORPHANED})
_MOST_PROBLEMS = 50
_HELD_SUMMARIES = 64
_summaries: dict[str, "Summary"] = {}
"""By fingerprint: what a content adds up to never changes, and is asked for when it is checked and when it is put."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What everything declared adds up to."""

    sums: Sums
    keys: Keys


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What is declared to be in a table."""

    fixture: Fixture
    inline: tuple[Item, ...]
    files: tuple[Source, ...]
    keys: Mapping[str, str]
    """Key attribute → type, partition first."""
    indexes: IndexKeys
    """Key attributes of the indexes."""
    declared: bool
    """Whether the fixture says anything of items; if not, those that are there are nobody's affair."""

    @staticmethod
    def of(fixture: Fixture, body: Mapping[str, Value], definition: Definition) -> "Contents":
        """What a body with its references resolved declares."""
        keys = key_types(definition)
        inline = tuple(
            canonical(to_item(_exact(fixture, number, item))) for number, item in enumerate(body.get("items", ()))
        )
        declared = "items" in body or "itemFiles" in body
        return Contents(
            fixture=fixture,
            inline=inline,
            files=tuple(sources(fixture, keys)),
            keys=keys,
            indexes=index_keys(definition),
            declared=declared,
        )

    def fingerprint(self) -> str:
        """Of everything declared; files by their bytes."""
        return digest([list(self.inline), [source.fingerprint() for source in self.files]])

    def summary(self) -> Summary:
        """Read everything once, in constant memory except for eight bytes a key.

        Raises:
            InvalidError: every item that DynamoDB cannot hold, and every key that comes twice, with file and line.
        """
        content = digest([self.fingerprint(), dict(self.keys)])
        cached = _summaries.get(content)
        if cached is None:
            cached = self._summarised()
            while len(_summaries) >= _HELD_SUMMARIES:
                _summaries.pop(next(iter(_summaries)), None)
            _summaries[content] = cached
        return cached

    def _summarised(self) -> Summary:
        sums = Sums()
        hashes = array("Q")
        problems: list[Problem] = []
        for place, entry in self._entries():
            wrong = entry.text if isinstance(entry, ItemError) else self.key_problem(entry, self.keys, self.indexes)
            if wrong is not None:
                problems.append(Problem(place=place, text=wrong))
                if len(problems) == _MOST_PROBLEMS:
                    problems.append(Problem(place=place, text="the items after it were not read"))
                    break
            elif not isinstance(entry, ItemError):
                key = self.key_of(entry, self.keys)
                sums.add(key, entry)
                hashes.append(key_hash(key))
        keys = Keys.of(hashes)
        if len(keys.hashes) != len(hashes):
            problems.extend(self._twins(_repeated(hashes)))
        if problems:
            raise InvalidError(problems)
        return Summary(sums, keys)

    def _twins(self, hashes: Container[int]) -> Iterator[Problem]:
        """A key that comes twice is an error, since which one stays would be chance."""
        first: dict[str, Place] = {}
        for place, entry in self._entries():
            if isinstance(entry, ItemError) or self.key_problem(entry, self.keys, self.indexes):
                continue
            key = self.key_of(entry, self.keys)
            if key in first:
                yield Problem(place=place, text=f"has the same key as {first[key]}: {_shown_key(key)}")
            elif key_hash(key) in hashes:
                first[key] = place

    def pairs(self) -> Iterator[tuple[str, Item]]:
        """Key and item, one after the other, of what was found to be right.

        Raises:
            InvalidError: a file has changed since, and is wrong now.
        """
        for place, entry in self._entries():
            if isinstance(entry, ItemError):
                raise InvalidError([Problem(place=place, text=entry.text)])
            yield self.key_of(entry, self.keys), entry

    def _entries(self) -> Iterator[tuple[Place, Item | ItemError]]:
        for number, item in enumerate(self.inline):
            yield self.fixture.document.place((*self.fixture.path, "items", number)), item
        for source in self.files:
            yield from source.entries()

    def load(self, target: Target, table: str) -> dict[str, Value]:
        """Put everything into an empty table, in one pass; what the marker is to remember."""
        summary = self.summary()
        remember(target, table, summary.keys, remembered(target, table))
        puts = ({"PutRequest": {"Item": item}} for _, item in self.pairs())
        target.stream(lambda batch: _send(target, table, batch), _chunks(puts))
        return _notes(summary.sums)

    def differences(
        self, target: Target, table: str, total: Value, *, most: int, applied: bool
    ) -> Iterator[Difference]:
        """Item by item and attribute by attribute; at most `most`, and how many more.

        `known` is the total that the marker remembers of what is declared: with it the files need not be read.
        """
        there = _scanned_sums(target, table, tuple(self.keys))
        if total is not None and total == there.total():
            return
        summary = self.summary()
        ours = remembered(target, table)
        count = 0
        for key, old, new in self._unlike(target, table, summary.sums, there):
            for difference in _item_differences(key, old, new, applied=applied, ours=key in ours):
                count += 1
                if count <= most:
                    yield difference
        if count > most:
            kind = DifferenceKind.DRIFTED if applied else DifferenceKind.CHANGED
            yield Difference(path="items/…", old=f"{count - most} more", new="as declared", kind=kind)

    def repair(self, target: Target, table: str, kinds: Collection[DifferenceKind]) -> dict[str, Value]:
        """Make differences of these kinds go away: put what is missing or different, delete what is not declared."""
        summary = self.summary()
        there = _scanned_sums(target, table, tuple(self.keys))
        puts = not _UNDECLARED.issuperset(kinds)
        if puts and not there.count:
            return self.load(target, table)
        ours = remembered(target, table)
        # Before anything is put: what a killed run leaves behind is known to be ours.
        kept = ours | summary.keys if puts else ours
        remember(target, table, kept, ours)

        def requests() -> Iterator[dict[str, Value]]:
            for key, old, new in self._unlike(target, table, summary.sums, there):
                if new is not None and puts:
                    yield {"PutRequest": {"Item": new}}
                elif new is None and old is not None and _undeclared(key in ours) in kinds:
                    yield {"DeleteRequest": {"Key": {name: old[name] for name in self.keys}}}

        target.stream(lambda batch: _send(target, table, batch), _chunks(requests()))
        if DifferenceKind.ORPHANED in kinds:
            remember(target, table, summary.keys, kept)
        return _notes(summary.sums) if puts or not self.declared else {}

    def _unlike(
        self, target: Target, table: str, expected: Sums, there: Sums
    ) -> Iterator[tuple[str, Item | None, Item | None]]:
        """Key, item found, item declared, where those are not equal."""
        for group in groups(expected.differing(there), expected, there):
            old = {key: item for key, item in _scanned(target, table, tuple(self.keys)) if bucket_of(key) in group}
            for key, item in self.pairs():
                if bucket_of(key) in group:
                    previous = old.pop(key, None)
                    if previous != item:
                        yield key, previous, item
            for key, item in old.items():
                yield key, item, None

    @staticmethod
    def key_problem(item: Item, keys: Mapping[str, str], indexes: IndexKeys) -> str | None:
        """What is wrong with the item's key, and with what indexes take for theirs."""
        for name, kind in keys.items():
            if name not in item:
                return f"the key attribute {name} is missing"
            attribute_type = next(iter(item[name]))
            if attribute_type != kind:
                return f"the key attribute {name} must be of type {kind}, not {attribute_type}"
            if item[name][kind] == "":
                return f"the key attribute {name} must not be empty"
        return next(itertools.chain(index_key_problems(item, indexes), item_problems(item, keys)), None)

    @staticmethod
    def key_of(item: Item, keys: Mapping[str, str]) -> str:
        """The item's key as text."""
        return key_text(item, tuple(keys))

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
        instance = super().__new__(cls, value)
        instance.text = text or repr(value)
        return instance


def _scanned(target: Target, table: str, keys: Sequence[str]) -> Iterator[tuple[str, Item]]:
    start: Value = None
    while True:
        request = {"TableName": table, "Limit": _PAGE, **({"ExclusiveStartKey": start} if start else {})}
        page = target.raw("Scan", json.dumps(request).encode())
        for element in page["Items"]:
            item = canonical(element)
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
    batch: list[dict[str, Value]] = []
    for request in requests:
        batch.append(request)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


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
    waiting.cancel(f"{table} accepts no more items")
    waiting.check()


def _undeclared(ours: bool) -> DifferenceKind:  # noqa: FBT001 - the answer to `key in ours`
    return DifferenceKind.ORPHANED if ours else DifferenceKind.EXTRA


def _repeated(hashes: "array[int]") -> frozenset[int]:
    ordered = sorted(hashes)
    return frozenset(bucket for bucket, other in itertools.pairwise(ordered) if bucket == other)


def _item_differences(
    key: str, old: Item | None, new: Item | None, *, applied: bool, ours: bool
) -> Iterator[Difference]:
    path = f"items/{_shown_key(key)}"
    if new is None:
        yield Difference(path=path, old=_plain(old), kind=_undeclared(ours))
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
