"""Comparing two streams of items in constant memory.

Each item falls into one of a fixed number of buckets by its key, and adds the hash of its whole content to its
bucket's sum. Equal sums mean equal sets, whatever the order; where sums differ, only the items of those buckets are
looked at one by one.
"""

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bootstrap.seeds.services.dynamodb.items import Item

BUCKETS = 1024
_MASK = (1 << 64) - 1
_TOGETHER = 20_000
"""Items that are held at once while differences are looked for."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@dataclass(slots=True)
class Sums:
    """What a stream of items adds up to."""

    sums: "array[int]" = field(default_factory=lambda: array("Q", bytes(8 * BUCKETS)))
    counts: "array[int]" = field(default_factory=lambda: array("L", bytes(array("L").itemsize * BUCKETS)))

    def add(self, key: str, item: Item) -> None:
        """Count one item."""
        bucket = bucket_of(key)
        self.sums[bucket] = (self.sums[bucket] + _content(item)) & _MASK
        self.counts[bucket] += 1

    @property
    def count(self) -> int:
        """How many items."""
        return sum(self.counts)

    def total(self) -> str:
        """All buckets in one text."""
        return hashlib.blake2b(self.sums.tobytes() + self.counts.tobytes(), digest_size=12).hexdigest()

    def differing(self, other: "Sums") -> list[int]:
        """The buckets that are not alike."""
        return [
            bucket
            for bucket in range(BUCKETS)
            if self.sums[bucket] != other.sums[bucket] or self.counts[bucket] != other.counts[bucket]
        ]


def key_text(item: Item, keys: Sequence[str]) -> str:
    """The item's key as text."""
    return _encode([item.get(name) for name in keys])


_HASHER = hashlib.blake2b(digest_size=8)
"""Copied for every hash: that is faster than making one."""


def _content(item: Item) -> int:
    hasher = _HASHER.copy()
    hasher.update(_encode(item).encode())
    return int.from_bytes(hasher.digest(), "big")


def key_hash(key: str) -> int:
    """Sixty-four bits of a key's text."""
    hasher = _HASHER.copy()
    hasher.update(key.encode())
    return int.from_bytes(hasher.digest(), "big")


def bucket_of(key: str) -> int:
    """Where an item of this key falls."""
    return key_hash(key) % BUCKETS


def groups(buckets: Iterable[int], sums: Sums, other: Sums) -> Iterator[frozenset[int]]:
    """Buckets in groups of so few items that a group can be held."""
    group: list[int] = []
    size = 0
    for bucket in buckets:
        more = sums.counts[bucket] + other.counts[bucket]
        if group and size + more > _TOGETHER:
            yield frozenset(group)
            group, size = [], 0
        group.append(bucket)
        size += more
    if group:
        yield frozenset(group)
