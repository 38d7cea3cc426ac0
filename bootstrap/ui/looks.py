"""Looks at the stack for all pages at once: what `status` reads, once, however many pages show it.

A look costs what `bootstrap status` costs, so looks are far apart compared with what one takes, and farther still while
a run changes the stack: its events say what happens, and its time is the user's. A short run is not looked at at all.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bootstrap.console.json_lines import error_fields, moment
from bootstrap.console.report.contents import Material, masker_of
from bootstrap.console.report.secrets import ReportMasker
from bootstrap.console.results.graph import graph_text
from bootstrap.console.results.plan import plan_json
from bootstrap.console.results.status import status_json
from bootstrap.engine.evidence import Evidence, listed, rendered_of
from bootstrap.engine.plan import Planning, plan_up
from bootstrap.engine.session import PlanOptions, Session
from bootstrap.engine.status import status_of
from bootstrap.errors import BootstrapError, RefusedError, SeveralError
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.status import StatusReport
from bootstrap.seeds.seeding import Seeding
from bootstrap.system.clock import CancelToken
from bootstrap.ui.run_events import is_going_on
from bootstrap.ui.source import SECONDS, Source

_SOONEST, _TIMES = 3.0, 4.0
"""Seconds between looks, and how many times as long as one took."""
_SOONEST_IN_RUN, _TIMES_IN_RUN = 10.0, 60.0
_NAMES = frozenset({"at", "id", "step", "needs", "name", "stack", "health", "declared", "action", "kind", "namespace"})
"""Fields that hold names and words of ours: a variable whose value is such a word does not change them."""
_FRESH = 3.0
"""Seconds for which a look serves what a page asks for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was seen at one moment."""

    number: int
    at: datetime
    took: float = 0.0
    going_on: bool = False
    """Whether a run was changing the stack."""
    session: Session | None = None
    planning: Planning | None = None
    report: StatusReport | None = None
    error: BootstrapError | None = None
    """Why nothing was seen."""
    masker: ReportMasker = field(default_factory=ReportMasker)

    def to_json(self) -> dict[str, Any]:
        """What `status` and `plan` print of it as JSON, and the edges of `graph`; without secrets."""
        document: dict[str, Any] = {
            "at": moment(self.at),
            "going_on": self.going_on,
            "errors": [error_fields(error) for error in self._errors()],
            "status": None if self.report is None else json.loads(status_json(self.report)),
            "steps": [],
            "edges": [],
        }
        if self.planning is not None:
            plan = self.planning.plan
            document["steps"] = json.loads(plan_json(plan))["steps"]
            document["edges"] = json.loads(graph_text(plan, "json"))["edges"]
        return dict(masked(document, self.masker))

    def _errors(self) -> Iterator[BootstrapError]:
        for error in (self.error, *(() if self.report is None else self.report.failures)):
            if isinstance(error, SeveralError):
                yield from error.errors
            elif error is not None:
                yield error

    def ready(self) -> tuple[Session, Planning]:
        """The session and the plan.

        Raises:
            BootstrapError: why there is none.
        """
        if self.session is None or self.planning is None:
            raise self.error or RefusedError("the stack could not be looked at", fix="run: bootstrap status")
        return self.session, self.planning


class Looks:
    """The newest look, for any thread; one thread looks at a time."""

    def __init__(self, source: Source, cancel: CancelToken) -> None:
        self.source = source
        self.cancel = cancel
        """Ends every look."""
        self._lock = threading.Lock()
        self._latest = Look(number=0, at=cancel.clock.now())
        self._ended = cancel.clock.monotonic()
        self._in_run = False
        """Whether a run went on since the newest look."""

    @property
    def latest(self) -> Look:
        """The newest; number 0 before the first."""
        return self._latest

    def is_due(self) -> bool:
        """Whether it is time for another."""
        if self._lock.locked():
            return False
        latest = self._latest
        if is_going_on(self.source.state):
            self._in_run = True
            return self._age() >= max(_SOONEST_IN_RUN, _TIMES_IN_RUN * latest.took)
        # The first one, and the one after a run, at once.
        at_once = self._in_run or latest.number == 0
        return at_once or self._age() >= max(_SOONEST, _TIMES * latest.took)

    def any(self) -> Look:
        """The newest look, however old: what knows the secrets and the cluster; takes one if there is none."""
        return self._latest if self._latest.number else self.take()

    def fresh(self) -> Look:
        """A look that is some seconds old at most; takes one if there is none."""
        return self._latest if self._latest.number and self._age() < _FRESH else self.take()

    def take(self) -> Look:
        """Look now; a call that waited for another one's look has that."""
        before = self._latest
        with self._lock:
            if self._latest is before:
                self._latest = self._look(before.number + 1)
                self._ended, self._in_run = self.cancel.clock.monotonic(), self._latest.going_on
            return self._latest

    def _age(self) -> float:
        return self.cancel.clock.monotonic() - self._ended

    def _look(self, number: int) -> Look:
        clock = self.cancel.clock
        at, began, going_on = clock.now(), clock.monotonic(), is_going_on(self.source.state)
        session = planning = report = failure = None
        masker = self._latest.masker
        try:
            within = self.cancel.within(SECONDS, "the look at the stack")
            session = self.source.living(within)
            if missing := session.ports.programs.missing():
                _lacking(missing)
            planning = plan_up(session, PlanOptions(tolerant=True), within)
            masker = masker_for(self.source, session, planning, within)
            report = status_of(session, planning, within)
        except BootstrapError as error:
            failure = error
        return Look(
            number=number,
            at=at,
            took=clock.monotonic() - began,
            going_on=going_on,
            session=session,
            planning=planning,
            report=report,
            error=failure,
            masker=masker,
        )


def _lacking(missing: Sequence[str]) -> None:
    raise RefusedError(f"not on this machine: {', '.join(missing)}", fix="run: bootstrap tools fetch")


def masker_for(source: Source, session: Session, planning: Planning, cancel: CancelToken) -> ReportMasker:
    """Knows the secrets of the stack's files, of its repository, of its cluster and of its fixtures."""
    kube, seeds = planning.observed.cluster.kube, session.ports.seeds
    evidence = Evidence(
        planning=planning,
        rendered=rendered_of(planning.desired),
        secrets=_secrets_in(session, kube, cancel),
        fixtures=seeds.fixtures() if isinstance(seeds, Seeding) else None,
    )
    material = Material(
        name=session.stack.name,
        version="",
        at=cancel.clock.now(),
        session=session,
        evidence=evidence,
        secrets=tuple(source.secrets(session.state)),
    )
    return masker_of(material, os.environ)


def _secrets_in(session: Session, kube: KubeContext | None, cancel: CancelToken) -> tuple[Manifest, ...]:
    """Those of the cluster; none of one that does not answer: then nothing else of it is shown either."""
    try:
        return () if kube is None else listed(session, kube, "/api/v1/secrets", cancel)
    except BootstrapError:
        cancel.check()
        return ()


def masked(value: Any, masker: ReportMasker) -> Any:  # noqa: ANN401 - JSON
    """A copy with every text masked, by what is known to be secret; names of steps and words of ours stay."""
    if isinstance(value, str):
        return masker.mask(value)
    if isinstance(value, Mapping):
        return {key: part if key in _NAMES else masked(part, masker) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [masked(part, masker) for part in value]
    return value
