"""Waits until CustomResourceDefinitions are Established, without reading them again and again: they are long.

The API server lists a kind exactly when its definition is Established, in an answer of a few hundred bytes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bootstrap.errors import DeadlineError
from bootstrap.kube.api import ApiUnreachableError, KubeApi
from bootstrap.kube.readiness_wait import wait_ready
from bootstrap.model.kube import Manifest, ObjectRef, ref_of
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

_PAUSE = 0.1
_PATIENCE_SECONDS = 20.0
"""After this long the definitions themselves are asked what keeps them."""


def wait_established(definitions: Iterable[Manifest], api: KubeApi, work: Work) -> None:
    """Return when every definition serves all its versions.

    Raises:
        StepFailedError: the API server does not accept one (its names are taken).
        DeadlineError: it took too long; names the first that is missing.
    """
    pending = {ref_of(definition): _kinds(definition) for definition in definitions}
    patient_until = work.cancel.clock.monotonic() + _PATIENCE_SECONDS
    reported = 0
    while pending := _still_missing(pending, api, work.cancel):
        if work.cancel.clock.monotonic() > patient_until:
            wait_ready(pending, api, work, what="its definitions", simulated=False)
            return
        if len(pending) != reported:
            work.notify(f"waiting for {next(iter(pending))} to be Established ({len(pending)} left)")
            reported = len(pending)
        try:
            work.cancel.sleep(_PAUSE)
        except DeadlineError as error:
            raise DeadlineError(f"{next(iter(pending))} is not Established ({error.what})") from error


def _kinds(definition: Manifest) -> frozenset[tuple[str, str]]:
    """(group version, kind) of each version that is served."""
    spec = definition.get("spec") or {}
    kind = str((spec.get("names") or {}).get("kind"))
    return frozenset(
        (f"{spec.get('group')}/{version.get('name')}", kind)
        for version in spec.get("versions") or ()
        if version.get("served")
    )


def _still_missing(
    pending: Mapping[ObjectRef, frozenset[tuple[str, str]]], api: KubeApi, cancel: CancelToken
) -> dict[ObjectRef, frozenset[tuple[str, str]]]:
    expected: dict[str, set[str]] = defaultdict(set)
    for kinds in pending.values():
        for version, kind in kinds:
            expected[version].add(kind)
    try:
        served = {(version, kind) for version in expected for kind in api.serves(version, cancel)}
    except ApiUnreachableError:
        # It may restart; the caller's deadline ends this.
        return dict(pending)
    return {ref: kinds - served for ref, kinds in pending.items() if kinds - served}
