"""What the verbs return, with their stable JSON form (docs/seeds.md)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.errors import BootstrapError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.model import Action, Difference, ResourceId, Value
from bootstrap.seeds.target import Calls

_CHANGES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DRIFTED})
_WORDS = {
    Action.CREATE: "to create",
    Action.UPDATE: "to update",
    Action.REPLACE: "to replace",
    Action.DRIFTED: "drifted",
    Action.UNCHANGED: "unchanged",
    Action.ORPHANED: "orphaned",
    Action.FOREIGN: "foreign",
    Action.DELETE: "to delete",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceChange:
    """One resource: the action that it needs, or that was done."""

    id: ResourceId
    action: Action
    reason: str
    differences: tuple[Difference, ...] = ()
    place: str | None = None
    """`file:line` of the fixture; None for orphans."""
    applies: bool = False
    """Whether `apply` acts on it: not on foreign ones, orphans, and things that only `refresh` removes."""

    def to_json(self) -> dict[str, Value]:
        """With secrets masked."""
        return {
            "id": str(self.id),
            "service": self.id.service,
            "name": self.id.name,
            "action": str(self.action),
            "reason": self.reason,
            "place": self.place,
            "differences": [difference.to_json() for difference in self.differences],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedPlan:
    """Fixtures against an emulator."""

    owner: str
    endpoint: EmulatorEndpoint
    resources: tuple[ResourceChange, ...]
    calls: Calls
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything is not as declared, whichever verb would change it (exit code 10)."""
        return any(resource.action in _CHANGES or resource.action is Action.ORPHANED for resource in self.resources)

    @property
    def changes(self) -> int:
        """Resources that `apply` would change."""
        return sum(resource.applies for resource in self.resources)

    @property
    def counts(self) -> Mapping[Action, int]:
        """Resources by action, in the order of Action."""
        counted = Counter(resource.action for resource in self.resources)
        return {action: counted[action] for action in Action if counted[action]}

    def summary(self) -> str:
        """`12 to create, 1 drifted, 3 unchanged`."""
        return ", ".join(f"{count} {_WORDS[action]}" for action, count in self.counts.items()) or "nothing declared"

    def to_json(self) -> dict[str, Value]:
        """`kind: SeedPlan`."""
        return {
            "version": 1,
            "kind": "SeedPlan",
            "owner": self.owner,
            "endpoint": _endpoint(self.endpoint),
            "changes": self.changes,
            "differs": self.differs,
            "summary": {str(action): count for action, count in self.counts.items()},
            "resources": [resource.to_json() for resource in self.resources],
            "notes": list(self.notes),
            "calls": self.calls.to_json(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A resource that could not be made as declared."""

    id: ResourceId
    error: BootstrapError | None
    """None: not tried, because of `because`."""
    because: ResourceId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptWarning:
    """An init script that ended well although commands in it failed."""

    id: ResourceId
    lines: tuple[str, ...]
    """`file:line: ended with code 1: COMMAND`, each followed by the end of what was printed about it."""
    log: str

    def to_json(self) -> dict[str, Value]:
        """`{id, lines, log}`."""
        return {"id": str(self.id), "lines": list(self.lines), "log": self.log}


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedResult:
    """What a verb did. `resources` has for each what was found before and done about it."""

    verb: str
    owner: str
    endpoint: EmulatorEndpoint
    resources: tuple[ResourceChange, ...]
    calls: Calls
    incarnation: str
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Written by `export`."""
    dry_run: bool = False
    warnings: tuple[ScriptWarning, ...] = ()
    """Init scripts that are done, with commands that failed."""

    @property
    def changed(self) -> int:
        """Resources that were changed."""
        return sum(resource.applies for resource in self.resources)

    def summary(self) -> str:
        """`12 created, 1 updated, 187 unchanged`."""
        done = {
            Action.CREATE: "created",
            Action.UPDATE: "updated",
            Action.REPLACE: "replaced",
            Action.DRIFTED: "repaired",
            Action.DELETE: "deleted",
        }
        counted: Counter[str] = Counter()
        failed = {failure.id: "failed" if failure.because is None else "skipped" for failure in self.failures}
        for resource in self.resources:
            word = failed.get(resource.id) or done.get(resource.action, str(resource.action))
            if resource.action in done and not resource.applies and resource.id not in failed:
                word = "drifted"
            counted["deleted" if resource.action is Action.ORPHANED and resource.applies else word] += 1
        nothing = "nothing to remove" if self.verb == "prune" else "nothing declared"
        warned = f" ({len(self.warnings)} with warnings)" if self.warnings else ""
        return (", ".join(f"{count} {word}" for word, count in counted.items()) or nothing) + warned

    def to_json(self) -> dict[str, Value]:
        """`kind: SeedResult`."""
        return {
            "version": 1,
            "kind": "SeedResult",
            "verb": self.verb,
            "dryRun": self.dry_run,
            "owner": self.owner,
            "endpoint": _endpoint(self.endpoint),
            "incarnation": self.incarnation,
            "changed": self.changed,
            "resources": [resource.to_json() for resource in self.resources],
            "failures": [_failure(failure) for failure in self.failures],
            "warnings": [warning.to_json() for warning in self.warnings],
            "notes": list(self.notes),
            "files": list(self.files),
            "calls": self.calls.to_json(),
        }


def _endpoint(endpoint: EmulatorEndpoint) -> dict[str, Value]:
    return {"url": endpoint.url, "driver": endpoint.driver, "region": endpoint.region}


def _failure(failure: Failure) -> dict[str, Value]:
    error = failure.error
    return {
        "id": str(failure.id),
        "error": None if error is None else error.what,
        "evidence": [] if error is None else list(error.evidence),
        "command": None if error is None else error.command,
        "fix": None if error is None else error.fix,
        "log": None if error is None else error.log,
        "because": None if failure.because is None else str(failure.because),
    }
