"""The desired state: everything that a plan is made from, except for the observed state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo
from bootstrap.model.replacement import NO_CONSENT, Consent
from bootstrap.model.stack import BuiltImage, Stack
from bootstrap.plan.units import Units, cut


@dataclass(frozen=True, kw_only=True, slots=True)
class Desired:
    """The stack, its repository and its prepared releases, as declared."""

    stack: Stack
    repo: FluxRepo = field(default_factory=FluxRepo)
    prepared: Mapping[str, PreparedRelease] = field(default_factory=dict)
    """By release id."""
    inferred: Sequence[tuple[str, str, str]] = ()
    """(unit, needed unit, reason), read from the rendered manifests; units are `release/…` and `objects/…`."""
    prune: bool = False
    """Whether objects and releases that are no longer in the repository are deleted."""
    prune_all: bool = False
    """Whether so is all that a Kustomization brought up which is gone or empty."""
    up_command: str = ""
    """The command that brings the stack up, for advice; empty: the one without options."""
    preload: bool = False
    """Whether this machine's engine pulls images and copies them to the nodes of the cluster."""
    built: Sequence[BuiltImage] = ()
    """Images that the stack builds."""
    build_simulated: bool = False
    """Whether they are built even if pods are simulated."""
    consent: Consent = NO_CONSENT
    """What may be deleted and recreated."""
    start_only: bool = False
    """Whether cluster and emulator are only started as they are, never created, changed or replaced."""
    already_cut: Units | None = None
    """The units of the repository, if the caller has them already; see `units`."""

    @property
    def units(self) -> Units:
        """The units of the repository.

        Raises:
            InvalidError: the release of the emulator is missing, ambiguous or suspended.
        """
        return self.already_cut or cut(self.stack, self.repo)
