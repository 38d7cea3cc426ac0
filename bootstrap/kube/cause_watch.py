"""The causes of one wait, looked for every few seconds while it lasts."""

from collections.abc import Mapping, Sequence

from bootstrap.errors import BootstrapError, DeadlineError, StepFailedError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.cause_reader import CauseReader
from bootstrap.kube.cause_timeout import CauseTimes, Patience
from bootstrap.kube.causes.containers import has_just_restarted
from bootstrap.model.cause import Cause
from bootstrap.model.kube import Manifest, NamedObject, ObjectRef
from bootstrap.system.clock import CancelToken

_FIRST_LOOK = _NEXT_LOOK = 1.0
_LOOK_SECONDS = 5.0
_OTHERS = 4
_NONE: Mapping[NamedObject, str] = {}


class NotReadyError(StepFailedError):
    """Something will not become ready by itself; names the reason."""

    shown_lines = 25


class NotReadyInTimeError(DeadlineError):
    """Something was not ready in time; names the reason."""

    shown_lines = 25


class CauseWatch:
    """What keeps the objects of one wait, and whether that is reason enough to end it."""

    def __init__(
        self,
        api: KubeApi,
        cancel: CancelToken,
        *,
        simulated: bool,
        patience: Patience | None = None,
        expected: Mapping[NamedObject, str] = _NONE,
    ) -> None:
        """Without `patience` causes are only reported, and end nothing."""
        self._reader = CauseReader(api, simulated=simulated, expected=expected)
        self._clock = cancel.clock
        self._times = None if patience is None else CauseTimes(patience, cancel.clock)
        self._next = cancel.clock.monotonic() + _FIRST_LOOK
        self.causes: tuple[Cause, ...] = ()
        """As they were seen last."""

    def look(self, unready: Mapping[ObjectRef, Manifest | None], cancel: CancelToken) -> Cause | None:
        """Look again if it is time to; the cause that has lasted too long."""
        if not unready or self._clock.monotonic() < self._next:
            return None
        self.refresh(unready, cancel)
        self._next = self._clock.monotonic() + _NEXT_LOOK
        return None if self._times is None else self._times.over(self.causes)

    def has_just_restarted(self, ready: Mapping[ObjectRef, Manifest | None], cancel: CancelToken) -> bool:
        """Whether a container of these ended a moment ago and only begins again; False if nothing shows it."""
        try:
            surroundings = self._reader.surroundings(ready, cancel.within(_LOOK_SECONDS, "reading the restarts"))
        except BootstrapError:
            cancel.check()
            return False
        return has_just_restarted(surroundings)

    def refresh(self, unready: Mapping[ObjectRef, Manifest | None], cancel: CancelToken) -> tuple[Cause, ...]:
        """Look now, for a few seconds at most; what was seen before stays if the cluster does not answer."""
        try:
            self.causes = self._reader.causes(unready, cancel.within(_LOOK_SECONDS, "reading the causes"))
        except BootstrapError:
            # Whoever waits finds out by himself that the API server is away or that his time is over.
            cancel.check()
        return self.causes


def evidence_of(causes: Sequence[Cause]) -> tuple[str, ...]:
    """What the first cause rests on, after one line for each of the others."""
    others = [f"also: {cause.text}" for cause in causes[1 : 1 + _OTHERS]]
    return (*others, *(causes[0].evidence if causes else ()))


def fix_of(cause: Cause) -> str | None:
    """What to do, and then to go on."""
    return f"{cause.fix}; then run: bootstrap up" if cause.fix else None
