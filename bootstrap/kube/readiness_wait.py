"""Waits until objects are ready, and reports what keeps those that are not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootstrap.errors import DeadlineError
from bootstrap.kube.api import ApiUnreachableError, KubeApi
from bootstrap.kube.batch_read import read_all
from bootstrap.kube.cause_timeout import Patience
from bootstrap.kube.cause_watch import CauseWatch, NotReadyError, NotReadyInTimeError, evidence_of, fix_of
from bootstrap.kube.readiness import ABSENT, Judgement, Readiness, Rule, judge
from bootstrap.kube.simulated_pods import simulated_reason
from bootstrap.model.cause import Cause
from bootstrap.model.kube import Manifest, NamedObject, ObjectRef, mappings_in
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_SETTLE_SECONDS = 2.5
"""The kubelet reports about once a second how its containers are."""
_LONGEST_SETTLING = 6
"""Looks: if the cluster's clock differs from ours, nothing shows how long a container has run."""
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_NOTHING: Mapping[NamedObject, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Waited:
    """What came of waiting."""

    simulated: tuple[ObjectRef, ...] = ()
    """Not waited for, since nothing completes them where pods are simulated."""
    notes: tuple[str, ...] = ()
    """What there is to say of objects that are ready: `DaemonSet shop/agent: no node matches it`."""

    def description(self, *, left_out: int = 0) -> str:
        """To be appended to how the step ended; `left_out` objects were not even created."""
        count = len(self.simulated) + left_out
        return "".join(f", {text}" for text in ((f"{count} simulated",) if count else ()) + self.notes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How objects are at one moment."""

    live: Mapping[ObjectRef, Manifest | None]
    unready: Mapping[ObjectRef, Judgement]
    simulated: tuple[ObjectRef, ...]
    notes: tuple[str, ...] = ()

    @property
    def waited(self) -> Waited:
        """When all of it is ready."""
        return Waited(simulated=self.simulated, notes=self.notes)

    @property
    def unready_live(self) -> Mapping[ObjectRef, Manifest | None]:
        """Those that are not ready, as they are."""
        return {ref: self.live.get(ref) for ref in self.unready}


def wait_ready(  # noqa: PLR0913 - what there is to a wait
    refs: Iterable[ObjectRef],
    api: KubeApi,
    work: Work,
    *,
    what: str,
    simulated: bool,
    rule: Rule = judge,
    patience: Patience | None = None,
    expected: Mapping[NamedObject, str] = _NOTHING,
) -> Waited:
    """Return when every object is Current by the rule; `what` names the whole for messages.

    An API server that goes away for a while is waited for too. With `patience` a cause that does not go away by
    itself ends the wait; what is `expected` of the rest of the plan is waited for.

    Raises:
        StepFailedError: an object failed for good, or something keeps it for good; names the reason.
        DeadlineError: the token's deadline passed; names what was not ready, and why.
    """
    watch = CauseWatch(api, work.cancel, simulated=simulated, patience=patience, expected=expected)
    whole = tuple(refs)
    pending, pause, last, settled = whole, _FIRST_PAUSE, "", 0
    look = Look(live={}, unready={}, simulated=())
    overdue: frozenset[ObjectRef] | None = None
    try:
        while True:
            look = _look_patiently(pending, api, work.cancel, look, simulated=simulated, rule=rule)
            overdue = _overdue(look) if overdue is None else overdue & _overdue(look)
            _raise_failed(look, watch, work.cancel, what, overdue)
            if not look.unready and pending is whole:
                unproven = {} if simulated else _unproven(look)
                if not unproven or settled > _LONGEST_SETTLING:
                    return look.waited
                # Looked at once more: one that ends at once is ready for a moment, at every start.
                if settled and not watch.has_just_restarted(unproven, work.cancel):
                    return look.waited
                settled += 1
                work.cancel.sleep(_SETTLE_SECONDS)
                continue
            # Those that were ready are looked at once more when all the others are.
            pending = tuple(look.unready) or whole
            if look.unready:
                settled = 0
                _raise_stuck(look, watch, work.cancel, what)
                if (text := _summary(look.unready, watch.causes)) != last:
                    work.notify(text)
                    last = text
                work.cancel.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
    except DeadlineError as error:
        raise _too_late(error, look, watch, work.cancel, what) from error


def _look_patiently(
    refs: tuple[ObjectRef, ...], api: KubeApi, cancel: CancelToken, before: Look, *, simulated: bool, rule: Rule
) -> Look:
    try:
        return look_at(refs, api, cancel, simulated=simulated, rule=rule)
    except ApiUnreachableError as error:
        lost = Judgement(readiness=Readiness.IN_PROGRESS, reason=error.what)
        unready = dict.fromkeys(before.unready or refs, lost)
        return Look(live=before.live, unready=unready, simulated=before.simulated)


def look_at(
    refs: Iterable[ObjectRef], api: KubeApi, cancel: CancelToken, *, simulated: bool, rule: Rule = judge
) -> Look:
    """Which objects are not ready now, and which never will be since pods are simulated."""
    live = read_all(refs, api, cancel)
    never = tuple(
        ref for ref, manifest in live.items() if simulated and manifest is not None and simulated_reason(manifest)
    )
    judged = {ref: ABSENT if manifest is None else rule(manifest) for ref, manifest in live.items() if ref not in never}
    return Look(
        live=live,
        unready={ref: judgement for ref, judgement in judged.items() if not judgement.current},
        simulated=never,
        notes=tuple(f"{ref}: {judgement.reason}" for ref, judgement in judged.items() if _is_notable(judgement)),
    )


def _is_notable(judgement: Judgement) -> bool:
    return judgement.current and bool(judgement.reason)


def _unproven(look: Look) -> Mapping[ObjectRef, Manifest | None]:
    """Those with a container that has no probe: it counts as ready as soon as it begins, whatever comes next."""
    return {ref: live for ref, live in look.live.items() if live is not None and _lacks_a_probe(live)}


def _lacks_a_probe(live: Manifest) -> bool:
    if live.get("kind") not in _WORKLOADS:
        return False
    containers = mappings_in(live, "spec", "template", "spec", "containers")
    return any("readinessProbe" not in container for container in containers)


def _overdue(look: Look) -> frozenset[ObjectRef]:
    """Deployments whose progress deadline is over.

    One for which that was so when the wait began is waited for: what kept it then may be corrected, such as an image
    that was copied to the nodes meanwhile, and its condition changes only when a pod becomes ready.
    """
    failed = (ref for ref, judged in look.unready.items() if judged.readiness is Readiness.FAILED)
    return frozenset(ref for ref in failed if ref.kind == "Deployment")


def _raise_failed(look: Look, watch: CauseWatch, cancel: CancelToken, what: str, overdue: frozenset[ObjectRef]) -> None:
    failed = {
        ref: judged
        for ref, judged in look.unready.items()
        if judged.readiness is Readiness.FAILED and ref not in overdue
    }
    if not failed:
        return
    first, judgement = next(iter(failed.items()))
    causes = watch.refresh({ref: look.live.get(ref) for ref in failed}, cancel)
    raise NotReadyError(
        f"{what} failed: {first}: {judgement.reason}",
        evidence=_all_lines(causes),
        fix=next((fix for cause in causes if (fix := fix_of(cause))), None),
    )


def _raise_stuck(look: Look, watch: CauseWatch, cancel: CancelToken, what: str) -> None:
    """End the wait where something keeps an object that will not go away by itself."""
    cause = watch.look(look.unready_live, cancel)
    if cause is not None:
        raise stuck_error(cause, watch.causes, what)


def stuck_error(cause: Cause, causes: tuple[Cause, ...], what: str) -> NotReadyError:
    """That `what` will not become ready, since this cause stays."""
    others = tuple(other for other in causes if other is not cause)
    return NotReadyError(
        f"{what} cannot become ready: {cause.of}: {cause.text}",
        evidence=evidence_of((cause, *others)),
        fix=fix_of(cause),
    )


def _too_late(error: DeadlineError, look: Look, watch: CauseWatch, cancel: CancelToken, what: str) -> DeadlineError:
    if not look.unready:
        return error
    # Its own few seconds: the wait has none left.
    causes = watch.refresh(look.unready_live, CancelToken(cancel.clock))
    reasons = [f"{ref}: {judgement.reason}" for ref, judgement in look.unready.items()]
    return NotReadyInTimeError(
        f"{what} is not ready: {_summary(look.unready, ())} ({error.what})",
        evidence=(*reasons, *_all_lines(causes)),
        fix=next((fix for cause in causes if (fix := fix_of(cause))), None),
    )


def _all_lines(causes: Iterable[Cause]) -> tuple[str, ...]:
    """All causes, the most significant last: where lines are cut, the first ones go."""
    return tuple(line for cause in reversed(tuple(causes)) for line in cause.lines())


def _summary(unready: Mapping[ObjectRef, Judgement], causes: tuple[Cause, ...]) -> str:
    if causes:
        more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
        return f"{causes[0].text}{more}"
    first, judgement = next(iter(unready.items()))
    more = f" and {len(unready) - 1} more" if len(unready) > 1 else ""
    return f"waiting for {first}{more}: {judgement.reason}"
