"""What tags cannot carry, kept inside the emulator so that it vanishes with the data and cannot lie.

One document per owner (`marker_store` says where): an incarnation id, the hash of every field as last applied, what
services noted, and the names we were about to create. The latter is written before anything is created: what a killed
run left behind without a tag is still known to be ours.
"""

import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.seeds.marker_store import marker_store
from bootstrap.seeds.model import Desired, FieldPath, ResourceId, Value, digest
from bootstrap.seeds.target import Target

_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What we remember of one resource."""

    fields: Mapping[FieldPath, str] = field(default_factory=dict)
    """Hash of each value as last applied."""
    secret: frozenset[FieldPath] = frozenset()
    notes: Mapping[str, Value] = field(default_factory=dict)
    reported: Mapping[FieldPath, str] = field(default_factory=dict)
    """Of fields that the emulator does not return as they were put: the hash of what it returned right afterwards."""


class Marker:
    """The marker of one owner. Reads once; writes are grouped when many threads write at once."""

    def __init__(self, target: Target) -> None:
        self._store = marker_store(target)
        self._key = f"{target.owner}.json"
        self._region = target.region
        self._content: dict[str, Any] = {}
        self._exists = False
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._version = 0
        self._written = 0

    def read(self) -> None:
        """Load it; an emulator without one is a new incarnation."""
        content = self._store.read(self._key)
        self._exists = content is not None
        self._content = json.loads(content) if content else {}
        self._content.setdefault("incarnation", uuid.uuid4().hex)
        for key in ("resources", "once"):
            self._content.setdefault(key, {})
        self._content.setdefault("pending", [])

    @property
    def incarnation(self) -> str:
        """Changes whenever the emulator lost its data; empty where we have written nothing yet."""
        return str(self._content["incarnation"]) if self._exists else ""

    @property
    def other_regions(self) -> tuple[str, ...]:
        """Regions that something was applied in before, when the emulator had another one."""
        return tuple(region for region in self._content.get("regions", ()) if region != self._region)

    def applied(self, resource: ResourceId) -> Applied:
        """What is remembered of it; empty for a resource we never applied."""
        recorded = self._content["resources"].get(str(resource), {})
        return Applied(
            fields=recorded.get("fields", {}),
            secret=frozenset(recorded.get("secret", ())),
            notes=recorded.get("notes", {}),
            reported=recorded.get("told", {}),
        )

    def owns(self, resource: ResourceId) -> bool:
        """Whether we created it, or were about to."""
        return str(resource) in self._content["resources"] or str(resource) in self._content["pending"]

    def begin(self, resources: Iterable[ResourceId]) -> None:
        """Note what is about to be created."""
        with self._lock:
            self._content["pending"] = sorted({*self._content["pending"], *map(str, resources)})
            self._version += 1
        self._write()

    def record(self, desired: Desired, notes: Mapping[str, Value], orphaned: Iterable[FieldPath] = ()) -> None:
        """Note a resource as applied; `orphaned` fields are still there, and stay remembered as ours for `prune`."""
        name = str(desired.id)
        with self._lock:
            before = self._content["resources"].get(name, {})
            ledger = {path: desired.fields[path] for path in desired.ledger if path in desired.fields}
            self._content["resources"][name] = {
                "fields": {
                    **{path: before.get("fields", {})[path] for path in orphaned if path in before.get("fields", {})},
                    **{path: digest(value) for path, value in desired.fields.items()},
                },
                "secret": sorted(desired.secret),
                "notes": {**before.get("notes", {}), **ledger, **notes},
                **({"told": before["told"]} if "told" in before else {}),
            }
            self._content["regions"] = sorted({*self._content.get("regions", ()), self._region})
            self._drop_pending(name)
            self._version += 1
        self._write()

    def drop(self, resource: ResourceId, paths: Iterable[FieldPath], notes: Mapping[str, Value]) -> None:
        """These fields of the resource are gone."""
        with self._lock:
            entry = self._content["resources"].setdefault(str(resource), {})
            gone = set(paths)
            entry["fields"] = {path: value for path, value in entry.get("fields", {}).items() if path not in gone}
            entry["notes"] = {**entry.get("notes", {}), **notes}
            self._version += 1
        self._write()

    def tell(self, by_resource: Mapping[ResourceId, Mapping[FieldPath, str]]) -> None:
        """Note what the emulator makes of fields that were just written; nothing is written if that is known."""
        with self._lock:
            before = self._version
            for resource, fields in by_resource.items():
                entry = self._content["resources"].get(str(resource))
                if entry is not None and entry.get("told", {}) != fields:
                    entry["told"] = dict(fields)
                    self._version += 1
            changed = self._version != before
        if changed:
            self._write()

    def forget(self, resource: ResourceId) -> None:
        """The resource is gone."""
        with self._lock:
            self._content["resources"].pop(str(resource), None)
            self._drop_pending(str(resource))
            self._version += 1
        self._write()

    def forget_all(self, resources: Iterable[ResourceId]) -> None:
        """The resources are gone; nothing is written if there was no marker."""
        with self._lock:
            names = {str(resource) for resource in resources}
            for name in names:
                self._content["resources"].pop(name, None)
            self._content["pending"] = [name for name in self._content["pending"] if name not in names]
            self._version += 1
        if self._exists:
            self._write()

    def done_once(self, name: str) -> str | None:
        """The content hash under which something was last done; None: never in this incarnation."""
        value = self._content["once"].get(name)
        return None if value is None else str(value)

    def do_once(self, name: str, content: str) -> None:
        """Record that this content was used (an init script that ran)."""
        with self._lock:
            self._content["once"][name] = content
            self._version += 1
        self._write()

    def _drop_pending(self, name: str) -> None:
        if name in self._content["pending"]:
            self._content["pending"].remove(name)

    def _write(self) -> None:
        """Returns when the caller's change is stored; one write serves everyone who waited for it."""
        with self._lock:
            mine = self._version
        with self._writing:
            if self._written >= mine:
                return
            with self._lock:
                version = self._version
                body = json.dumps({"version": _VERSION, **self._content}, sort_keys=True).encode()
            self._store.write(self._key, body)
            self._exists = True
            self._written = version


def kept_beside(target: Target, name: str) -> bytes | None:
    """What was kept for a service under this name; None for nothing."""
    return marker_store(target).read(f"{target.owner}/{name}")


def keep_beside(target: Target, name: str, content: bytes) -> None:
    """Keep what would be too much for the marker itself; nothing at all removes it."""
    marker_store(target).write(f"{target.owner}/{name}", content)
