"""What must be deleted and recreated, why, and what the user has allowed."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bootstrap.errors import RefusedError

EVERYTHING = "*"
"""What `--allow-replace` without a step stands for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One field whose declared value differs from the observed one."""

    field: str
    """As the stack file or the manifest names it: `cluster.image`."""
    old: str
    new: str

    def __str__(self) -> str:
        """`cluster.image: A → B`."""
        return f"{self.field}: {self.old} → {self.new}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """Why something must be recreated to become as declared, and what is lost by it."""

    reasons: tuple[str, ...]
    """One per field, `cluster.image: A → B`, or what is wrong with it; never empty."""
    losses: tuple[str, ...] = ()
    """What is lost and not declared, by count: `3 namespaces`, `2 volumes`; empty: nothing known."""

    @property
    def reason(self) -> str:
        """All reasons on one line."""
        return "; ".join(self.reasons)

    @property
    def loss(self) -> str:
        """All losses on one line; empty: nothing known."""
        return ", ".join(self.losses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """What the user allowed to be replaced, for this run only; nothing by default."""

    steps: frozenset[str] = frozenset()
    """Steps as they were typed, in any of their forms; EVERYTHING: all."""

    def covers(self, forms: Iterable[str]) -> bool:
        """Whether a step that can be named in these ways may be replaced."""
        return EVERYTHING in self.steps or not self.steps.isdisjoint(forms)

    def extended(self, steps: Iterable[str]) -> "Consent":
        """The same, with these steps too."""
        return Consent(steps=self.steps | frozenset(steps))


NO_CONSENT = Consent()


class ReplacementNeededError(RefusedError):
    """Something must be recreated to become as declared, and the user has not consented (exit 4)."""

    def __init__(self, step: str, replacement: Replacement, *, evidence: Sequence[str] = ()) -> None:
        lost = (f"lost with it: {replacement.loss}",) if replacement.losses else ()
        super().__init__(
            f"{step} would be replaced: {replacement.reason}",
            evidence=(*evidence, *lost),
            fix=f"declare it as it is, or add to the same command: --allow-replace {shlex.quote(step)}",
        )
        self.step = step
        self.replacement = replacement
