"""The values of seeding: fixtures, what they want, what is there, and the difference."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from bootstrap.errors import Place, Problem
from bootstrap.yamltext.positions import Document, ValuePath

Value: TypeAlias = Any
"""What JSON can say."""
FieldPath: TypeAlias = str
"""`attributes.VisibilityTimeout`, `tags.team`, `objects/readme.txt`."""

MASK = "***"
KNOWN_LATER = "(known after apply)"


@dataclass(frozen=True, order=True, slots=True)
class ResourceId:
    """A fixture, and what it declares in the emulator."""

    service: str
    name: str

    def __str__(self) -> str:
        """`sqs/orders`."""
        return f"{self.service}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fixture:
    """One declared resource: checked against its service's schema, variables filled in, references not yet."""

    id: ResourceId
    body: Mapping[str, Value]
    document: Document
    path: ValuePath
    folder: Path
    """What relative file names are relative to."""

    @property
    def place(self) -> Place:
        """Where its key stands."""
        return self.document.place(self.path)

    def problem(self, path: ValuePath, text: str) -> Problem:
        """`text`, said of the value at `path` inside the body."""
        return self.document.problem((*self.path, *path), text)

    def file(self, name: str) -> Path:
        """The file that `name` means."""
        return self.folder / name


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One fixture uses another."""

    target: ResourceId
    attribute: str = "name"
    path: ValuePath = ()
    """Inside the fixture's body."""
    soft: bool = False
    """It only needs to be named, not to exist: a policy. Such needs may form a cycle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Desired:
    """What a fixture wants, references resolved, as flat fields that can be compared."""

    id: ResourceId
    fields: Mapping[FieldPath, Value]
    spec: Value = None
    """The service's own value, for writing."""
    secret: frozenset[FieldPath] = frozenset()
    """Fields whose values are never shown."""
    fixed: frozenset[FieldPath] = frozenset()
    """Fields that AWS cannot change in place: a difference means replace."""
    ledger: frozenset[FieldPath] = frozenset()
    """Fields that the emulator does not return, such as the hash of messages sent once: kept in our marker.
    If it does return one, that value counts."""
    verbatim: frozenset[FieldPath] = frozenset()
    """Fields of which an emulator may return something else than was put, since it fills in keys or knows only some:
    what it returns right after the write is remembered, and counts as declared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """A resource as found."""

    id: ResourceId
    fields: Mapping[FieldPath, Value] = field(default_factory=dict)
    """At least those that are declared or were applied before; others are ignored."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """arn, url, name, …: what references to it resolve to."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """All of them; the owner's tag among them says whose it is."""
    spec: Value = None
    """The service's own value."""


class DifferenceKind(StrEnum):
    """What a difference is and who makes it go away."""

    CHANGED = "changed"
    DRIFTED = "drifted"
    """We had applied what is still declared; somebody else changed it."""
    EXTRA = "extra"
    """Inside our resource, declared by nobody: only `refresh` removes it."""
    ORPHANED = "orphaned"
    """Inside our resource, put there by us and no longer declared: `prune` and `refresh` remove it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One field that is not as declared."""

    path: FieldPath
    old: Value = None
    """None: not there."""
    new: Value = None
    """None: not declared (any more)."""
    kind: DifferenceKind = DifferenceKind.CHANGED
    secret: bool = False

    def to_json(self) -> dict[str, Value]:
        """With secrets masked."""
        return {
            "path": self.path,
            "kind": str(self.kind),
            "old": MASK if self.secret and self.old is not None else self.old,
            "new": MASK if self.secret and self.new is not None else self.new,
        }


class Action(StrEnum):
    """The action that one resource needs."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DRIFTED = "drifted"
    UNCHANGED = "unchanged"
    ORPHANED = "orphaned"
    FOREIGN = "foreign"
    DELETE = "delete"
    """Of `reset`: it goes, whoever made it."""


def digest(value: Value) -> str:
    """A short hash of a JSON value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
