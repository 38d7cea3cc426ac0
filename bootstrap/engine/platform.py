"""One stack with everything that can act for it, and what may be asked of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from bootstrap.engine.consent import Ask, ask_nobody
from bootstrap.model.event import (
    Say,
)
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.lease import Term
from bootstrap.model.release import FluxRepo, Note
from bootstrap.model.replacement import NO_CONSENT, Consent
from bootstrap.model.stack import BuiltImage, Stack, StatePaths
from bootstrap.model.status import Health
from bootstrap.plan.build import Wanted
from bootstrap.ports import Ports
from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken, Clock
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

Infer: TypeAlias = Callable[[Wanted], Sequence[tuple[str, str, str]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """One stack with everything that can act for it."""

    stack: Stack
    """`auto` resolved."""
    state: StatePaths
    ports: Ports
    processes: Processes
    journal: Journal
    clock: Clock
    read: Callable[[CancelToken], FluxRepo]
    """Reads the stack's repository."""
    check: Callable[[], object]
    """Reads everything else that the stack names, the fixtures; raises InvalidError."""
    preflight: Callable[[Wanted, Sequence[str]], Sequence[Note]]
    """What will likely not work as meant in these steps."""
    infer: Infer
    """Reads more edges from rendered manifests."""
    health: Callable[[Sequence[ObjectRef], str, KubeContext, CancelToken], Mapping[ObjectRef, tuple[Health, str]]]
    """How objects are right now; those without a namespace are looked for in the one given."""
    configuration: Callable[[], Mapping[str, Any] | None]
    """What the program that makes the cluster is given; None where there is none. Raises InvalidError."""
    watch: Callable[[], None] | None
    """Raises StepFailedError when the cluster that runs has lost a part of itself; cheap enough for every second."""
    lacking: Callable[[], Sequence[str]]
    """The programs that reading, planning and running need and that are not here."""
    fetch: Callable[[Say], None]
    """Brings them."""
    headline: str
    """What the first line says of provider and simulation."""
    built: Callable[[], Sequence[BuiltImage]] = lambda: ()
    """The images of the stack's own, as their files are now; raises InvalidError."""
    collect: Callable[[Work], None] = lambda _work: None
    """Takes away other stacks whose time is over, and tells of each; what cannot be, is told of too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOptions:
    """Which part of the plan, and what to do with what left the repository."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    prune: bool = False
    strict: bool = False
    """Notes are problems."""
    tolerant: bool = False
    """For who only looks: what is wrong with the repository is told beside the plan, see `Planning.failures`."""
    consent: Consent = NO_CONSENT
    """What may be deleted and created again."""
    start_only: bool = False
    """Whether cluster and emulator are only started as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a plan is run."""

    command: str
    """As typed, for the journal and the lock."""
    jobs: int = 8
    fail_fast: bool = False
    timeout: timedelta = timedelta(minutes=30)
    """For the whole run; bringing programs that are missing, which is done once, does not count."""
    log: str | None = None
    """Where the full log is written."""
    term: Term | None = None
    """How long the stack lives from now; None: as before."""
    ask: Ask = ask_nobody
    """Asked for consent to what the plan would replace without it."""
