"""Waits until deleted objects are gone, and reports what holds those that stay."""

from collections.abc import Iterator, Mapping, Sequence

from bootstrap.errors import DeadlineError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.batch_read import read_all
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

_REMAINING = {"NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionDiscoveryFailure"}


def wait_deleted(refs: Sequence[ObjectRef], api: KubeApi, work: Work) -> None:
    """Return when none of them is in the cluster any more.

    Raises:
        DeadlineError: some are; names them, and the finalizers that hold them.
    """
    left: dict[ObjectRef, Manifest] = {}
    last = ""

    def probe() -> bool | None:
        nonlocal left, last
        left = {
            ref: live_object for ref, live_object in read_all(refs, api, work.cancel).items() if live_object is not None
        }
        if left and (text := _waiting(left)) != last:
            work.notify(text)
            last = text
        return None if left else True

    try:
        wait_until(probe, work.cancel, interval=0.5)
    except DeadlineError as error:
        reasons = {ref: "; ".join(holders(live)) for ref, live in left.items()}
        if not reasons:
            raise
        raise DeadlineError(
            f"{_briefly(reasons)} is not deleted: {error.what}",
            evidence=[f"{ref}: {why or 'no reason found'}" for ref, why in reasons.items()],
            fix="resolve what the finalizers wait for (their controller may be gone), then run: bootstrap down",
        ) from error


def holders(live: Manifest) -> Iterator[str]:
    """What keeps an object that is being deleted: its finalizers, and what a namespace says of what is in it."""
    metadata = live.get("metadata") or {}
    if metadata.get("deletionTimestamp") is None:
        yield "its deletion has not begun"
    finalizers = [*(metadata.get("finalizers") or ()), *((live.get("spec") or {}).get("finalizers") or ())]
    conditions = [
        str(condition.get("message"))
        for condition in (live.get("status") or {}).get("conditions") or ()
        if condition.get("type") in _REMAINING and condition.get("status") == "True"
    ]
    if finalizers and not conditions:
        yield f"finalizers {', '.join(map(str, finalizers))}"
    yield from conditions


def _waiting(left: Mapping[ObjectRef, Manifest]) -> str:
    why = next(holders(next(iter(left.values()))), "")
    return f"waiting until {_briefly(left)} is deleted" + (f" ({why})" if why else "")


def _briefly(refs: Mapping[ObjectRef, object]) -> str:
    first = next(iter(refs))
    return f"{first} and {len(refs) - 1} more" if len(refs) > 1 else str(first)
