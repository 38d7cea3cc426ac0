"""What `up` brought up and the repository no longer holds: what may be deleted, and what stays with the reason; pure.

As Flux, which deletes for a Kustomization only what it has read it without: nothing goes for what could not be read,
is suspended, or is elsewhere. Flux also deletes all of a Kustomization whose file is gone; since a file that is lost
looks the same, that needs a consent of its own here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bootstrap.model.kube import ObjectRef, namespace_ref
from bootstrap.model.observed import InventoryEntry, Observed, ReleaseObserved
from bootstrap.model.release import Kustomization, Note, chain_of
from bootstrap.plan import ids
from bootstrap.plan.desired import Desired
from bootstrap.plan.emulator import EMULATOR_PART
from bootstrap.plan.units import Units, refs_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftovers:
    """What is no longer in the repository."""

    releases: tuple[ReleaseObserved, ...] = ()
    """They may be uninstalled."""
    objects: tuple[tuple[str, tuple[ObjectRef, ...]], ...] = ()
    """They may be deleted, by the owner of their entry in the inventory."""
    notes: tuple[Note, ...] = ()


def leftovers(desired: Desired, observed: Observed, units: Units) -> Leftovers:
    """What `--prune` may delete. The notes name what stays, and what `--prune` would delete if it is not given."""
    releases, objects = tuple(_releases(desired, observed)), tuple(_objects(desired, observed, units))
    if not releases and not objects:
        return Leftovers()
    if desired.repo.problems:
        text = "nothing is pruned while the repository has problems: what cannot be read may still be declared"
        return Leftovers(notes=(Note(text=text),) if desired.prune else ())
    return _Sorting(desired, units).sort(releases, objects)


def _releases(desired: Desired, observed: Observed) -> Iterator[ReleaseObserved]:
    declared = {release.id for release in desired.repo.releases}
    for release in observed.releases.values():
        if release.owner is not None and release.owner not in declared:
            yield release


_Objects = tuple[str, InventoryEntry, tuple[ObjectRef, ...]]


def _objects(desired: Desired, observed: Observed, units: Units) -> Iterator[_Objects]:
    # An object that another Kustomization holds now has moved, and a namespace may hold a release.
    kept = {ref for part in units.parts for ref in refs_of(part)}
    kept |= {namespace_ref(release.target_namespace) for release in desired.repo.releases}
    for owner, entry in observed.inventory.items():
        gone = tuple(ref for ref in entry.objects if ref not in kept)
        if gone:
            yield owner, entry, gone


@dataclass(slots=True)
class _Sorting:
    desired: Desired
    units: Units
    _staying: dict[str, list[str]] = field(default_factory=dict)
    """What stays, by the reason."""
    _lost: dict[str, list[str]] = field(default_factory=dict)
    """What belonged to Kustomizations that are gone or empty, by what these are called."""

    def sort(self, releases: Sequence[ReleaseObserved], objects: Sequence[_Objects]) -> Leftovers:
        going = tuple(
            release for release in releases if self._may_go(_named(release), release.within, "a Kustomization")
        )
        taken = tuple(
            (owner, refs)
            for owner, entry, refs in objects
            if owner == EMULATOR_PART or self._may_go(_counted(refs), _chain(owner, entry), _plain(owner))
        )
        notes = (*self._notes(), *(() if self.desired.prune else map(self._advice, going)))
        return Leftovers(releases=going, objects=taken, notes=notes)

    def _may_go(self, what: str, chain: Sequence[str], owner: str) -> bool:
        """Whether it may be deleted; if not, it is noted why."""
        if (reason := self._unread(chain)) is not None:
            self._staying.setdefault(reason, []).append(what)
            return False
        if chain and chain[0] not in self._holding() and not self.desired.prune_all:
            self._lost.setdefault(owner, []).append(what)
            return False
        return True

    def _unread(self, chain: Sequence[str]) -> str | None:
        """Which Kustomization that it may belong to is not read; None: it is surely in none of them."""
        unread = {_digest(part): part for part in self.desired.repo.kustomizations if self._is_unread(part)}
        belongs = [unread[digest] for digest in chain if digest in unread]
        if belongs:
            return f"belongs to Kustomization {belongs[0].id}, which is not read ({_why(belongs[0])})"
        # What an older version installed does not show what it is below.
        if unread and len(chain) < 2:  # noqa: PLR2004 - itself, and what it is below
            names = ", ".join(part.id for part in unread.values())
            return f"may belong to what is not read (Kustomization {names})"
        return None

    def _is_unread(self, part: Kustomization) -> bool:
        return bool(part.unread) or part.suspended or part.id in self.units.suspended

    def _holding(self) -> frozenset[str]:
        """The Kustomizations that hold anything now."""
        return frozenset(
            _digest(part) for part in self.desired.repo.kustomizations if part.built or part.objects or part.releases
        )

    def _notes(self) -> Iterator[Note]:
        for reason, names in self._staying.items():
            yield Note(text=f"{', '.join(names)} stays: it {reason}")
        for owner, names in self._lost.items():
            yield Note(
                text=f"{owner} is no longer in the repository, or is empty: {', '.join(names)} stays."
                f" Bring its file back; or delete all that it brought up: {self._command('--prune-all')}"
            )

    def _advice(self, release: ReleaseObserved) -> Note:
        return Note(
            text=f"{_named(release)} is no longer in the repository; remove it with: {self._command('--prune')}"
        )

    def _command(self, option: str) -> str:
        return f"{self.desired.up_command or f'bootstrap up {self.desired.stack.typed}'} {option}"


def _why(part: Kustomization) -> str:
    return part.unread or "it, or its parent, is suspended"


def _named(release: ReleaseObserved) -> str:
    return f"release {release.namespace}/{release.release_name}"


def _counted(refs: Sequence[ObjectRef]) -> str:
    shown = ", ".join(str(ref) for ref in refs[:3])
    return shown if len(refs) <= 3 else f"{shown} and {len(refs) - 3} more objects"  # noqa: PLR2004 - fits on a line


def _plain(owner: str) -> str:
    return f"Kustomization {owner.removesuffix(ids.CUSTOM_PART)}"


def _chain(owner: str, entry: InventoryEntry) -> tuple[str, ...]:
    return entry.within or chain_of(owner.removesuffix(ids.CUSTOM_PART), ())


def _digest(part: Kustomization) -> str:
    return chain_of(part.id, ())[0]
