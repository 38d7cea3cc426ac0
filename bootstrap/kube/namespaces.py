"""Namespaces that something is created in: one that is being deleted can hold nothing new, and is waited for."""

from bootstrap.errors import DeadlineError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.cause_timeout import CauseTimes, Patience
from bootstrap.kube.cause_watch import NotReadyError, NotReadyInTimeError, fix_of
from bootstrap.kube.causes.objects import terminating_cause
from bootstrap.kube.causes.surroundings import Surroundings
from bootstrap.model.cause import Cause
from bootstrap.model.kube import Manifest, mapping_in, namespace_ref
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

_PAUSE = 0.5


def settle_namespace(name: str, api: KubeApi, work: Work, patience: Patience) -> bool:
    """Whether the namespace is there; first wait until one that is being deleted is gone.

    Raises:
        StepFailedError: finalizers hold it, and nobody removes them; names their owners.
        DeadlineError: it was not gone in time.
    """
    ref, times = namespace_ref(name), CauseTimes(patience, work.cancel.clock)
    last: Cause | None = None

    def settled() -> Manifest | None:
        """The namespace, or an empty value once there is none."""
        nonlocal last
        live = api.read(ref, work.cancel)
        if live is None or not mapping_in(live, "metadata").get("deletionTimestamp"):
            return live or {}
        cause = terminating_cause(live, ref, Surroundings(kubectl=api.kubectl, now=work.cancel.clock.now()))
        if last is None or last.evidence != cause.evidence:
            work.notify(cause.text)
        last = cause
        if times.over((cause,)) is not None:
            raise NotReadyError(cause.text, evidence=cause.evidence, fix=fix_of(cause))
        return None

    try:
        return bool(wait_until(settled, work.cancel, interval=_PAUSE))
    except DeadlineError as error:
        if last is None:
            raise
        raise NotReadyInTimeError(f"{last.text} ({error.what})", evidence=last.evidence, fix=fix_of(last)) from error
