"""Desired against observed, field by field; pure."""

from collections.abc import Iterable, Iterator, Sequence

from bootstrap.seeds.applied_state import Applied
from bootstrap.seeds.model import (
    KNOWN_LATER,
    Action,
    Desired,
    Difference,
    DifferenceKind,
    FieldPath,
    Observed,
    Value,
    digest,
)

_QUIET = frozenset({DifferenceKind.EXTRA, DifferenceKind.ORPHANED})


def differences(
    desired: Desired, observed: Observed | None, applied: Applied, contents: Sequence[str] = ()
) -> Iterator[Difference]:
    """What is not as declared. `contents`: prefixes of fields whose removal is left to `prune`."""
    for path, new in desired.fields.items():
        old = _old(desired, observed, applied, path)
        if new not in (old, KNOWN_LATER) and not (observed and _as_returned(applied, path, old, new)):
            drifted = observed is not None and applied.fields.get(path) == digest(new)
            kind = DifferenceKind.DRIFTED if drifted else DifferenceKind.CHANGED
            yield Difference(path=path, old=old, new=new, kind=kind, secret=path in desired.secret)
    if observed is None:
        return
    for path in applied.fields:
        if path not in desired.fields and observed.fields.get(path) is not None:
            inside = path.startswith(tuple(contents)) and not _of_declared(path, desired)
            kind = DifferenceKind.ORPHANED if inside else DifferenceKind.CHANGED
            yield Difference(path=path, old=observed.fields[path], kind=kind, secret=path in applied.secret)


def _of_declared(path: FieldPath, desired: Desired) -> bool:
    """Whether the field only says more of a thing that is still declared (`objects/KEY#tags` of `objects/KEY`)."""
    return any(path.startswith((f"{field}#", f"{field}.")) for field in desired.fields)


def reported_differently(desired: Desired, observed: Observed, applied: Applied) -> dict[FieldPath, str]:
    """Hashes of what was found of verbatim fields that are not as declared, though they were just written."""
    olds = {path: _old(desired, observed, applied, path) for path in desired.verbatim if path in desired.fields}
    return {path: digest(old) for path, old in olds.items() if desired.fields[path] not in (old, KNOWN_LATER)}


def _as_returned(applied: Applied, path: FieldPath, old: Value, new: Value) -> bool:
    """Whether the field is as we applied it, and the emulator returns it as it did right after that."""
    return applied.fields.get(path) == digest(new) and applied.reported.get(path) == digest(old)


def _old(desired: Desired, observed: Observed | None, applied: Applied, path: str) -> object:
    if observed is None:
        return None
    if path in desired.ledger and path not in observed.fields:
        return applied.notes.get(path)
    return observed.fields.get(path)


def action_for(desired: Desired, observed: Observed | None, differing: Iterable[Difference]) -> tuple[Action, str]:
    """What to do about a resource that is ours or absent, and why."""
    if observed is None:
        return Action.CREATE, "not found"
    given = list(differing)
    fixed = [difference.path for difference in given if difference.path in desired.fixed]
    if fixed:
        return Action.REPLACE, f"{', '.join(fixed)} cannot be changed in place"
    if not given:
        return Action.UNCHANGED, "as declared"
    changed = [difference for difference in given if difference.kind is DifferenceKind.CHANGED]
    if changed:
        return Action.UPDATE, f"not as declared: {_counted(changed)}"
    quiet = [difference for difference in given if difference.kind in _QUIET]
    if len(quiet) == len(given):
        return Action.DRIFTED, f"not declared: {_counted(quiet)}"
    return Action.DRIFTED, f"changed since the last apply: {_counted(given)}"


def for_apply(differing: Iterable[Difference]) -> list[Difference]:
    """Those that `apply` acts on; the others wait for `refresh` and `prune`."""
    return [difference for difference in differing if difference.kind not in _QUIET]


def _counted(differing: Sequence[Difference]) -> str:
    return "1 field" if len(differing) == 1 else f"{len(differing)} fields"
