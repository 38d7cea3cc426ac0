"""Looks at a release's hooks and workloads from beside while helm runs: helm waits for hooks without a word."""

from collections.abc import Callable, Mapping

from bootstrap.charts.helm_arguments import Target
from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.batch_read import in_namespace, read_all
from bootstrap.kube.cause_watch import CauseWatch
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.kube.identity import cluster_uid
from bootstrap.kube.readiness import judge
from bootstrap.kube.readiness_wait import stuck_error
from bootstrap.model.cause import Cause
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, ref_of
from bootstrap.model.labels import HELM_HOOK
from bootstrap.model.observed import PreparedRelease
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Finished
from bootstrap.system.watchdog import run_beside

_LOOK_SECONDS = 1.0
_LAST_LOOK_SECONDS = 5.0
_HOOKS = frozenset({"Job", "Pod"})
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"})


class HelmWatch:
    """What keeps one run of helm."""

    def __init__(self, prepared: PreparedRelease, target: Target, *, upgrade: bool) -> None:
        """On an `upgrade` workloads are still those of before, which it may be there to repair: only hooks count."""
        self._what = f"release {prepared.release.id}"
        self._api = target.api
        self._work = target.work
        self._watch = CauseWatch(
            target.api,
            target.work.cancel,
            simulated=target.kube.simulated,
            patience=target.patience,
            expected=prepared.expected,
        )
        hooks, others = _waited_for(prepared, target.api, target.work.cancel)
        self._refs = hooks if upgrade else (*hooks, *others)
        self._before = _uids(read_all(hooks, target.api, target.work.cancel))
        self._last = ""

    def beside(self, run: Callable[[CancelToken], Finished]) -> Finished:
        """Run helm and look meanwhile, if there is something to look at.

        Raises:
            StepFailedError: something keeps the release that will not go away by itself.
        """
        if not self._refs:
            return run(self._work.cancel)
        return run_beside(run, self._look, self._work.cancel, interval=_LOOK_SECONDS)

    def _look(self, cancel: CancelToken) -> BootstrapError | None:
        """Report what keeps it now; what it fails with if that will not go away by itself."""
        try:
            unready = self._unready(cancel)
        except BootstrapError:
            cancel.check()
            return None
        cause = self._watch.look(unready, cancel)
        text = _text(unready, self._watch.causes)
        if text and text != self._last:
            self._work.notify(text)
            self._last = text
        return None if cause is None else stuck_error(cause, self._watch.causes, self._what)

    def last_look(self) -> tuple[Cause, ...]:
        """What kept it when it ended: as it is now, or as it was, since helm removes hooks that failed.

        It has a few seconds of its own: those of the wait may be over.

        Raises:
            BootstrapError: the API server does not answer.
        """
        before = self._watch.causes
        within = CancelToken(self._work.cancel.clock).within(_LAST_LOOK_SECONDS, "reading the causes")
        cluster_uid(self._api, within)
        unready = self._unready(within)
        return (self._watch.refresh(unready, within) if unready else ()) or before

    def _unready(self, cancel: CancelToken) -> Mapping[ObjectRef, Manifest]:
        """What helm made by now and is not ready; hooks of an earlier run, which helm removes first, are not meant."""
        live = read_all(self._refs, self._api, cancel)
        return {
            ref: manifest
            for ref, manifest in live.items()
            if manifest is not None and _uid(manifest) not in self._before and not judge(manifest).current
        }


def _waited_for(
    prepared: PreparedRelease, api: KubeApi, cancel: CancelToken
) -> tuple[tuple[ObjectRef, ...], tuple[ObjectRef, ...]]:
    """Hooks, and workloads."""
    hooks: list[ObjectRef] = []
    others: list[ObjectRef] = []
    for manifest in prepared.manifests or ():
        is_hook = HELM_HOOK in mapping_in(manifest, "metadata", "annotations")
        if manifest.get("kind") not in (_HOOKS if is_hook else _WORKLOADS):
            continue
        try:
            ref = in_namespace(ref_of(manifest), prepared.release.target_namespace, api, cancel)
        except UnknownKindError:
            continue
        (hooks if is_hook else others).append(ref)
    return tuple(hooks), tuple(others)


def _text(unready: Mapping[ObjectRef, Manifest], causes: tuple[Cause, ...]) -> str:
    if causes:
        return causes[0].text
    first = next(iter(unready.items()), None)
    return "" if first is None else f"waiting for {first[0]}: {judge(first[1]).reason}"


def _uids(live: Mapping[ObjectRef, Manifest | None]) -> frozenset[str]:
    return frozenset(_uid(manifest) for manifest in live.values() if manifest is not None)


def _uid(manifest: Manifest) -> str:
    return str(mapping_in(manifest, "metadata").get("uid"))
