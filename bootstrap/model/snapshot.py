"""Snapshots: what one holds, whether it fits a stack, and what changed since; pure."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

FORMAT = 1
"""The version of the folder and the file of a snapshot."""
AFTER_UP = "after-up"
"""The name of the snapshot that `up` makes by itself."""
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
NAME_RULE = "lower case letters, digits and . _ -, at most 63 of them, a letter or digit first and last"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a snapshot is of, and what is in it."""

    format: int
    name: str
    stack: str
    """The identity of the stack: the name of its state folder."""
    project: str
    created: datetime
    facts: Mapping[str, str]
    """What the stack must still be for it to be restored: provider, Kubernetes minor version, emulator, …"""
    files: Mapping[str, int]
    """Length in bytes by relative path."""
    size: int
    """In bytes on the disk: holes in files take none."""
    not_kept: Sequence[str] = ()
    """What a restore does not bring back."""
    objects: int | None = None
    """Objects in the cluster; None: they could not be counted."""
    resources: int | None = None
    """AWS resources; None: there is no emulator, or it could not be asked."""
    secrets: Sequence[str] = ()
    """The files that hold secrets, and which."""

    def named(self, name: str) -> "Manifest":
        """The same under another name."""
        return dataclasses.replace(self, name=name)


class Verb(StrEnum):
    """What changes a platform as a whole."""

    SAVE = "save"
    RESTORE = "restore"
    BEGIN = "begin"
    """A restore into a stack of which nothing lives."""


class Phase(StrEnum):
    """How far a save or a restore came; decides what the next run does after a kill."""

    BEFORE = "before"
    """Nothing was changed, though parts may be stopped: the next run starts them as they were."""
    AFTER = "after"
    """The data is being exchanged: the next run finishes that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfinished:
    """A save or restore that runs, or was killed."""

    verb: Verb
    name: str
    phase: Phase

    def __str__(self) -> str:
        """`restore of snapshot a`."""
        return f"{Verb.RESTORE if self.verb is Verb.BEGIN else self.verb} of snapshot {self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """A digest of every object of a cluster and of every AWS resource, by name."""

    objects: Mapping[str, str] = field(default_factory=dict)
    """By `Kind NAMESPACE/NAME`."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """By `SERVICE/NAME`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """What came, went and changed since a snapshot; names in alphabetical order."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many differ."""
        return len(self.added) + len(self.removed) + len(self.modified)


def changed_since(before: Mapping[str, str], now: Mapping[str, str]) -> Changed:
    """The names whose digests differ."""
    both = before.keys() & now.keys()
    return Changed(
        added=tuple(sorted(now.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - now.keys())),
        modified=tuple(sorted(name for name in both if before[name] != now[name])),
    )


def misfits(manifest: Manifest, stack: str, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Why the snapshot cannot be restored into this stack, as it is now; empty: it can."""
    if manifest.format != FORMAT:
        return (f"its format is version {manifest.format}, this bootstrap reads version {FORMAT}",)
    if manifest.stack != stack:
        return (f"it is of stack {manifest.stack} in {manifest.project}, this is stack {stack}",)
    return tuple(
        f"its {name} is {manifest.facts.get(name, 'none')}, the stack's is {facts.get(name, 'none')}"
        for name in dict.fromkeys((*manifest.facts, *facts))
        if manifest.facts.get(name) != facts.get(name)
    )
