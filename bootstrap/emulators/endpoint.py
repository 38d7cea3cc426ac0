"""Placement `endpoint`: an emulator that runs already, and stays."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from bootstrap.emulators.address import Resolve, Trust
from bootstrap.emulators.http_exchange import NoAnswerError, Request, exchange
from bootstrap.emulators.incarnation import ensure_incarnation, forget_incarnation, incarnation_of, start_of
from bootstrap.emulators.proof import Proven, prove, prove_address
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.count import counted
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, TargetState
from bootstrap.model.stack import Driver, EmulatorSpec
from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

_FAILED = 300
_RESTART_SECONDS = 90.0
BOOT_SECONDS = 60.0
"""How long one that was just started may take until it answers."""
_POLL_SECONDS = 0.5
_CLOSED = "Connection reset by peer|Remote end closed connection"
_NO_ROUTE = frozenset({404, 405, 501})


class EndpointEmulator:
    """Implements `ports.Emulator` for a running emulator that the stack file, or `--endpoint`, names."""

    def __init__(
        self,
        spec: EmulatorSpec,
        trust: Trust = Trust.NAMED,
        resolve: Resolve | None = None,
        boot_seconds: float = BOOT_SECONDS,
    ) -> None:
        self._spec = spec
        self._boot_seconds = boot_seconds
        self._trust = trust
        self._resolve = resolve

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        try:
            proven = self._prove(cancel)
        except (RefusedError, NoAnswerError) as error:
            detail = "; ".join((error.what, *error.evidence))
            return EmulatorObserved(state=TargetState.ABSENT, detail=detail)
        incarnation = incarnation_of(proven, self._spec.region, cancel)
        return EmulatorObserved(
            state=TargetState.RUNNING, endpoint=proven_endpoint(proven, self._spec.region, incarnation)
        )

    def gather(self, work: Work) -> None:
        """See `Emulator.gather`: that it is there."""
        self._prove(work.cancel)

    def up(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.up`; starts nothing.

        Raises:
            RefusedError: it is not there, or did not prove to be an emulator.
        """
        work.notify(f"proving that {self._spec.endpoint} is an emulator")
        proven = self._answering(work)
        return proven_endpoint(proven, self._spec.region, ensure_incarnation(proven, self._spec.region, work.cancel))

    def start(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.start`: it is for others to start."""
        return self.up(work)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """Use the one that is named; nothing of it is deleted."""
        return self.up(work)

    def delete(self, work: Work) -> None:
        """Leave it as it is: it is not ours."""
        work.cancel.check()
        work.notify(f"leaving {self._spec.endpoint} as it is")

    def delete_keeping(self, work: Work) -> str:
        """See `Emulator.delete_keeping`: it stays with all that is in it."""
        self.delete(work)
        return f"all that is in {self._spec.endpoint}"

    def _answering(self, work: Work) -> Proven:
        """Prove it; one that was just started, at whose port the engine listens already, is waited for."""
        until = work.cancel.clock.monotonic() + self._boot_seconds
        while True:
            try:
                return self._prove(work.cancel)
            except RefusedError as error:
                listens = error.evidence and all(re.search(_CLOSED, line) for line in error.evidence)
                if not listens or work.cancel.clock.monotonic() >= until:
                    raise
            work.notify(f"waiting for {self._spec.endpoint}, which accepts connections and does not answer yet")
            work.cancel.sleep(_POLL_SECONDS)

    def _prove(self, cancel: CancelToken) -> Proven:
        if not self._spec.endpoint:
            raise RefusedError("emulator.placement is endpoint, but there is no emulator.endpoint", fix="set its URL")
        driver = None if self._spec.driver is Driver.AUTO else self._spec.driver
        return prove(self._spec.endpoint, cancel, driver=driver, trust=self._trust, resolve=self._resolve)


def proven_endpoint(proven: Proven, region: str, incarnation: str) -> EmulatorEndpoint:
    """What the other rooms are given: the number that was proven, never a name."""
    return EmulatorEndpoint(
        url=proven.address.url,
        region=region,
        driver=proven.driver.name.value,
        incarnation=incarnation,
        capabilities=proven.driver.capabilities,
        account=proven.account,
        services=proven.services,
        services_setting=proven.driver.services_setting,
    )


def empty(
    endpoint: EmulatorEndpoint, cancel: CancelToken, through_api: Callable[[], Sequence[str]]
) -> EmulatorEndpoint:
    """Lose everything in it, after proving it once more; the endpoint with its new incarnation.

    `through_api` deletes it piece by piece, for an emulator that has no route for that, and gives back what that
    emulator did not delete: then it is restarted, if it can be asked to.

    Raises:
        RefusedError: it is no longer the emulator it was.
        StepFailedError: it cannot be emptied.
    """
    proven = prove(endpoint.url, cancel, driver=Driver(endpoint.driver), trust=Trust.NAMED)
    answer = exchange(proven.address, Request(method="POST", path=proven.driver.reset), cancel, seconds=60)
    if answer.status in _NO_ROUTE:
        left = through_api()
        forget_incarnation(proven, endpoint.region, cancel)
        if left:
            proven = _restarted(proven, left, cancel)
    elif answer.status >= _FAILED:
        raise StepFailedError(
            f"{endpoint.driver} cannot be emptied: POST {proven.driver.reset} answers {answer.status}",
            fix="restart the emulator instead, which also deletes its data",
        )
    incarnation = ensure_incarnation(proven, endpoint.region, cancel)
    return replace(proven_endpoint(proven, endpoint.region, incarnation), capabilities=endpoint.capabilities)


def _restarted(proven: Proven, left: Sequence[str], cancel: CancelToken) -> Proven:
    """The emulator after it was asked to start again, because some of its resources cannot be deleted.

    Raises:
        StepFailedError: it cannot be asked to, or does not come back.
    """
    if proven.driver.restart is None or proven.driver.start is None:
        raise StepFailedError(
            f"{counted(len(left), 'resource')} could not be deleted",
            evidence=left,
            fix="restart the emulator, which also deletes its data",
        )
    before = start_of(proven, cancel)
    path, body = proven.driver.restart
    asked = Request(method="POST", path=path, headers={"Content-Type": "application/json"}, body=body)
    exchange(proven.address, asked, cancel, seconds=30)

    def state() -> str | None:
        try:
            again = prove_address(proven.address, (proven.driver,), cancel)
            return start_of(again, cancel) if start_of(again, cancel) != before else None
        except (NoAnswerError, RefusedError):
            return None

    waiting = cancel.within(_RESTART_SECONDS, f"{proven.address.url} restarting")
    wait_until(state, waiting, interval=0.5)
    return prove_address(proven.address, (proven.driver,), cancel)
