"""Which items of a table are ours: the hashes of their keys, kept beside the marker.

A table takes no tags on its items, and a marker that named a hundred thousand of them would be written whole for every
change. Eight bytes a key distinguish ours from those of the application, which are never deleted by `prune`.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from bootstrap.seeds.applied_state import keep_beside, kept_beside
from bootstrap.seeds.services.dynamodb.checksums import key_hash
from bootstrap.seeds.target import Target


@dataclass(frozen=True, slots=True)
class Keys:
    """Hashes of keys, in order."""

    hashes: "array[int]" = field(default_factory=lambda: array("Q"))

    @staticmethod
    def of(hashes: Iterable[int]) -> "Keys":
        """In order, each once."""
        ordered = array("Q", sorted(hashes))
        repeated = any(ordered[place] == ordered[place - 1] for place in range(1, len(ordered)))
        return Keys(array("Q", sorted(set(ordered))) if repeated else ordered)

    def __contains__(self, key: str) -> bool:
        """Whether the key is one of them."""
        hashed = key_hash(key)
        place = bisect_left(self.hashes, hashed)
        return place < len(self.hashes) and self.hashes[place] == hashed

    def __or__(self, other: "Keys") -> "Keys":
        """Those of both."""
        return self if other.hashes == self.hashes else Keys.of((*self.hashes, *other.hashes))


def remembered(target: Target, table: str) -> Keys:
    """The keys of the items that we put there."""
    hashes = array("Q", kept_beside(target, _name(table)) or b"")
    if sys.byteorder == "big":
        hashes.byteswap()
    return Keys(hashes)


def remember(target: Target, table: str, keys: Keys, before: Keys) -> None:
    """Keep them; `before` is what is kept now."""
    if keys == before:
        return
    written = array("Q", keys.hashes)
    if sys.byteorder == "big":
        written.byteswap()
    keep_beside(target, _name(table), written.tobytes())


def _name(table: str) -> str:
    return f"items/{table}"
