"""One stack with its adapters, and the options of plans and runs."""

from dataclasses import dataclass
from pathlib import Path

from bootstrap.config.differences import ValueDifference
from bootstrap.config.settings import Settings
from bootstrap.engine.consent import Ask, ask_nobody
from bootstrap.model.lease import Term
from bootstrap.model.replacement import NO_CONSENT, Consent
from bootstrap.model.stack import DeclaredValue, Provider, Stack, StatePaths
from bootstrap.ports import Ports
from bootstrap.state.journal import Journal
from bootstrap.system.clock import Clock
from bootstrap.system.processes import Processes


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One stack with its adapters."""

    stack: Stack
    """`auto` resolved."""
    state: StatePaths
    ports: Ports
    settings: Settings
    processes: Processes
    journal: Journal
    clock: Clock
    lives_on: Provider | None = None
    """The provider that it runs on, if another one is declared now."""
    headline: str
    """The text of the first line about the provider and what is simulated."""
    values: tuple[DeclaredValue, ...] = ()
    """The effective stack as written, each value with its origin."""
    command: str = ""
    """The command line that brings up exactly this stack, ready to paste; empty: not known."""
    differences: tuple[ValueDifference, ...] = ()
    """The differences between what the last `up` was given and what this call declares."""
    damage: str = ""
    """What is wrong with the record of the last `up`, so that the declaration stands in for it; empty: nothing."""
    last_command: str = ""
    """The command line of the last `up`, ready to paste; empty: not known."""

    @property
    def up_command(self) -> str:
        """The command that brings this stack up."""
        return self.last_command or self.command or f"bootstrap up {self.stack.typed}"

    @property
    def lives(self) -> bool:
        """Whether anything of its cluster was created and not removed."""
        return self.state.kubeconfig.exists() or self.state.cluster.exists()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOptions:
    """The part of the plan, and what happens to objects that are no longer in the repository."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    prune: bool = False
    prune_all: bool = False
    """Whether all that a Kustomization brought up which is gone or empty is pruned too."""
    strict: bool = False
    """Whether warnings are errors."""
    consent: Consent = NO_CONSENT
    """What may be deleted and recreated."""
    start_only: bool = False
    """Whether cluster and emulator are only started as they are."""
    tolerant: bool = False
    """For verbs that only read: problems of the repository are returned with the plan, see `Planning.failures`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a plan is run, besides the settings."""

    command: str
    """As typed, for the journal and the lock."""
    fail_fast: bool = False
    log: str | None = None
    """Where the full log is written."""
    term: Term | None = None
    """The new lease of the stack, from now; None: unchanged."""
    snapshot: bool = False
    """Whether `up` saves the snapshot `after-up` when it has ended well, as `snapshot.afterUp` asks too."""
    from_snapshot: Path | None = None
    """The exported snapshot that a stack of which nothing lives begins with."""
    offline: bool = False
    """Whether `up` fetches nothing, and refuses to start if something is missing."""
    bundle: Path | None = None
    """The bundle that what is missing is brought from."""
    ask: Ask = ask_nobody
    """Asked for consent to what the plan would replace without it."""
