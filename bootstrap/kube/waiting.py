"""Waits until objects are ready, and says what it waits for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootstrap.errors import DeadlineError, StepFailedError
from bootstrap.kube.api import ApiUnreachableError, KubeApi
from bootstrap.kube.batch_read import read_all
from bootstrap.kube.diagnosis import diagnose
from bootstrap.kube.readiness import ABSENT, Judgement, Readiness, Rule, judge
from bootstrap.kube.simulated import simulated_reason
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Waited:
    """What came of waiting."""

    simulated: tuple[ObjectRef, ...] = ()
    """Not waited for, since nothing completes them where pods are simulated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    live: Mapping[ObjectRef, Manifest | None]
    unready: Mapping[ObjectRef, Judgement]
    simulated: tuple[ObjectRef, ...]


def wait_ready(
    refs: Iterable[ObjectRef],
    api: KubeApi,
    work: Work,
    *,
    what: str,
    simulated: bool,
    rule: Rule = judge,
) -> Waited:
    """Return when every object is Current by the rule; `what` names the whole for messages.

    An API server that goes away for a while is waited for too.

    Raises:
        StepFailedError: an object failed for good; with evidence.
        DeadlineError: the token's deadline passed; names what was not ready, and why.
    """
    whole = tuple(refs)
    pending, pause, told = whole, _FIRST_PAUSE, ""
    look = _Look(live={}, unready={}, simulated=())
    try:
        while True:
            look = _look_patiently(pending, api, work.cancel, look, simulated=simulated, rule=rule)
            _raise_failed(look, api, work.cancel, what)
            if not look.unready and pending is whole:
                return Waited(simulated=look.simulated)
            # Those that were ready are looked at once more when all the others are.
            pending = tuple(look.unready) or whole
            if look.unready and (text := _summary(look.unready)) != told:
                work.say(text)
                told = text
            if look.unready:
                work.cancel.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
    except DeadlineError as error:
        raise _too_late(error, look, api, work.cancel, what) from error


def _look_patiently(
    refs: tuple[ObjectRef, ...], api: KubeApi, cancel: CancelToken, before: _Look, *, simulated: bool, rule: Rule
) -> _Look:
    try:
        return look_at(refs, api, cancel, simulated=simulated, rule=rule)
    except ApiUnreachableError as error:
        lost = Judgement(readiness=Readiness.IN_PROGRESS, reason=error.what)
        unready = dict.fromkeys(before.unready or refs, lost)
        return _Look(live=before.live, unready=unready, simulated=before.simulated)


def look_at(
    refs: Iterable[ObjectRef], api: KubeApi, cancel: CancelToken, *, simulated: bool, rule: Rule = judge
) -> _Look:
    """Which objects are not ready now, and which never will be since pods are simulated."""
    live = read_all(refs, api, cancel)
    never = tuple(ref for ref, found in live.items() if simulated and found is not None and simulated_reason(found))
    judged = {ref: ABSENT if found is None else rule(found) for ref, found in live.items() if ref not in never}
    return _Look(
        live=live,
        unready={ref: judgement for ref, judgement in judged.items() if not judgement.current},
        simulated=never,
    )


def _raise_failed(look: _Look, api: KubeApi, cancel: CancelToken, what: str) -> None:
    failed = {ref: found for ref, found in look.unready.items() if found.readiness is Readiness.FAILED}
    if failed:
        first, judgement = next(iter(failed.items()))
        raise StepFailedError(
            f"{what} failed: {first}: {judgement.reason}", evidence=diagnose(failed, look.live, api, cancel)
        )


def _too_late(error: DeadlineError, look: _Look, api: KubeApi, cancel: CancelToken, what: str) -> DeadlineError:
    if not look.unready:
        return error
    return DeadlineError(
        f"{what} is not ready: {_summary(look.unready)} ({error.what})",
        evidence=diagnose(look.unready, look.live, api, cancel),
    )


def _summary(unready: Mapping[ObjectRef, Judgement]) -> str:
    first, judgement = next(iter(unready.items()))
    more = f" and {len(unready) - 1} more" if len(unready) > 1 else ""
    return f"waiting for {first}{more}: {judgement.reason}"
