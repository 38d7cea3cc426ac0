"""Installs one release: heals it, runs helm under a watchdog, waits until it is ready, notes that it is."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bootstrap.charts.cache import StoredChart
from bootstrap.charts.cluster_values import cluster_values_hash
from bootstrap.charts.crds import CRD
from bootstrap.charts.helm_arguments import Invocation, Target, dropped
from bootstrap.charts.helm_errors import explained, late, own_words
from bootstrap.charts.helm_watch import HelmWatch
from bootstrap.charts.recovery import heal, refuse_foreign
from bootstrap.charts.release_history import DEPLOYED, Revision, labels_for, mark_ready, revisions
from bootstrap.charts.rendered_objects import other_objects
from bootstrap.errors import DeadlineError, StepFailedError
from bootstrap.kube.apply import labelled
from bootstrap.kube.batch_read import in_namespace
from bootstrap.kube.cause_watch import NotReadyError
from bootstrap.kube.immutable_objects import (
    ImmutableObject,
    delete_for_replacement,
    immutable_objects,
    replacement_needed,
)
from bootstrap.kube.namespaces import settle_namespace
from bootstrap.kube.readiness_wait import Waited, wait_ready
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.kube.webhooks import NOT_CALLABLE, wait_for_answers, wait_for_webhooks, webhook_configurations
from bootstrap.model.kube import Manifest, ObjectRef, is_named_by_server, ref_of
from bootstrap.model.labels import HELM_HOOK
from bootstrap.model.observed import PreparedRelease, Probe
from bootstrap.model.release import Release
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Finished
from bootstrap.system.work import Work

_WEBHOOK_SECONDS = 60.0
_PAUSE = 2.0


def install(
    prepared: PreparedRelease,
    chart: StoredChart,
    invocation: Invocation,
    target: Target,
    *,
    may_replace: bool = False,
) -> str:
    """Install or upgrade and wait until ready; returns a line for the report.

    What is applied already, but was never seen ready, is only waited for.

    Raises:
        RefusedError: a release of this name is not ours; or an object cannot be changed, only be replaced, and that is
            not allowed (`may_replace`).
        StepFailedError: helm fails, or an object failed for good.
        DeadlineError: it took too long; names what was waited for.
    """
    release = prepared.release
    history = _history(release, target)
    refuse_foreign(release, history, target.stack)
    newest = _healed(history, target)
    values_hash = cluster_values_hash(release, target.api, target.work.cancel)
    if newest is not None and _is_applied(newest, prepared, values_hash):
        manifests, number, word = tuple(prepared.manifests or ()), newest.number, "ready"
    else:
        labels = labels_for(release, prepared.fingerprint or "", target.stack, values_hash)
        run = _Run(prepared=prepared, chart=chart, invocation=invocation, target=target, labels=labels)
        manifests, number = _install(prepared, invocation, target, newest, run, may_replace=may_replace)
        word = "upgraded" if newest else "installed"
    waited = _wait(prepared, manifests, target, upgrade=newest is not None)
    if not target.kube.simulated:
        _wait_for_answers(prepared.probes, target)
    if release.run_tests:
        _test(release, invocation, target)
    mark_ready(release, number, prepared.fingerprint or "", target.api, target.work.cancel)
    description = f"{word}, {chart.name} {chart.version}"
    return description + waited.description(left_out=len(dropped(prepared, target.kube)))


def _is_applied(newest: Revision, prepared: PreparedRelease, values_hash: str) -> bool:
    same = newest.status == DEPLOYED and newest.applied == prepared.fingerprint
    return same and newest.values_hash == values_hash


def uninstall(release: Release, invocation: Invocation, target: Target) -> None:
    """Remove an installed release with helm, and wait until its objects are gone; passes if there is none.

    Raises:
        RefusedError: it is not ours.
        StepFailedError: helm fails.
    """
    refuse_foreign(release, _history(release, target), target.stack)
    command = invocation.other("uninstall", release, target, "--ignore-not-found", "--wait")
    _mutate(command, release, invocation, target, doing="uninstall")


def _history(release: Release, target: Target) -> tuple[Revision, ...]:
    return revisions(release.target_namespace, release.release_name, target.api, target.work.cancel)


def _healed(history: tuple[Revision, ...], target: Target) -> Revision | None:
    whole = heal(history, target.api, target.work)
    return whole[-1] if whole else None


def _install(
    prepared: PreparedRelease,
    invocation: Invocation,
    target: Target,
    newest: Revision | None,
    run: "_Run",
    *,
    may_replace: bool,
) -> tuple[tuple[Manifest, ...], int]:
    """Run helm until it succeeds or its retries are used up; the objects it applied, and the number of the revision."""
    release = prepared.release
    if release.create_namespace:
        _ensure_namespace(release.target_namespace, target)
    retries = release.retries if newest is None else release.upgrade_retries
    patient_until = target.work.cancel.clock.monotonic() + _WEBHOOK_SECONDS
    attempt = 0
    while True:
        watch = HelmWatch(prepared, target, upgrade=newest is not None)
        try:
            return run(newest, watch)
        except CommandFailedError as error:
            unanswered = NOT_CALLABLE in " ".join(error.finished.lines())
            if unanswered and target.work.cancel.clock.monotonic() < patient_until:
                target.work.notify("waiting for a webhook that does not answer yet")
            elif stuck := _immutable(prepared, error, target):
                if not may_replace:
                    _roll_back(release, invocation, target, newest)
                    raise replacement_needed(ids.release(release.id), stuck, own_words(error)) from error
                delete_for_replacement([ref for ref, _ in stuck], target.api, target.work)
                may_replace = False  # what is refused once more is not a matter of what lives
            else:
                failure = explained(error, release, doing="install", look=watch.last_look)
                _roll_back(release, invocation, target, newest)
                if attempt == retries:
                    raise failure from error
                attempt += 1
                target.work.notify(f"failed, trying again: {failure.what}")
        target.work.cancel.sleep(_PAUSE)
        newest = _healed(_history(release, target), target)


def _roll_back(release: Release, invocation: Invocation, target: Target, newest: Revision | None) -> None:
    if newest is not None and release.rollback:
        target.work.notify("failed, rolling back")
        _mutate(invocation.other("rollback", release, target), release, invocation, target, doing="roll back")


def _immutable(
    prepared: PreparedRelease, error: CommandFailedError, target: Target
) -> list[tuple[ObjectRef, ImmutableObject]]:
    """The release's objects that the API server refuses to change."""
    named = {(each.kind, each.name): each for each in immutable_objects(" ".join(error.finished.lines()))}
    own = [ref_of(manifest) for manifest in prepared.manifests or () if not _is_hook(manifest)]
    cancel, namespace = target.work.cancel, prepared.release.target_namespace
    return [
        (in_namespace(ref, namespace, target.api, cancel), named[ref.kind, ref.name])
        for ref in own
        if (ref.kind, ref.name) in named
    ]


def _ensure_namespace(name: str, target: Target) -> None:
    """Create it with the stack's label: helm would create it without, and nobody could know whose it is."""
    if not settle_namespace(name, target.api, target.work, target.patience):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        target.api.apply(labelled(namespace, target.stack), target.work.cancel)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """One run of helm for a release; called again for each attempt."""

    prepared: PreparedRelease
    chart: StoredChart
    invocation: Invocation
    target: Target
    labels: Mapping[str, str]
    """For the new revision."""

    def __call__(self, newest: Revision | None, watch: HelmWatch) -> tuple[tuple[Manifest, ...], int]:
        """The objects that were applied, and the number of the revision."""
        release, upgrade = self.prepared.release, newest is not None
        limit = release.limit(upgrade=upgrade)
        command = self.invocation.install(
            self.prepared, self.chart, self.target, self.labels, limit=limit, upgrade=upgrade
        )
        work, what = self.target.work, f"helm for release {release.id}"
        work.notify(f"{'upgrading' if upgrade else 'installing'} {self.chart.name} {self.chart.version}")

        def run(cancel: CancelToken) -> Finished:
            return self.invocation.run(command, replace(self.target, work=Work(cancel, work.notify)), limit, what)

        try:
            finished = watch.beside(run)
        except NotReadyError:
            # What keeps its hooks would keep them at the next attempt too.
            _roll_back(release, self.invocation, self.target, newest)
            raise
        except DeadlineError as error:
            raise late(error, command, watch.last_look) from error
        revision = json.loads(finished.stdout)
        # Of a chart that renders nothing but hooks, or nothing at all, helm leaves the manifest out.
        return other_objects(revision.get("manifest") or ""), int(revision["version"])


def _wait(prepared: PreparedRelease, manifests: Iterable[Manifest], target: Target, *, upgrade: bool) -> Waited:
    """Wait as the release asks."""
    release = prepared.release
    if release.upgrade_disable_wait if upgrade else release.disable_wait:
        return Waited()
    awaited = [
        manifest for manifest in manifests if not (release.disable_wait_for_jobs and manifest.get("kind") == "Job")
    ]
    refs = [
        in_namespace(ref_of(manifest), release.target_namespace, target.api, target.work.cancel)
        for manifest in awaited
        if manifest.get("kind") != CRD
        and not _is_hook(manifest)
        and not is_named_by_server(manifest)
        and not (target.kube.simulated and is_api_backend(manifest))
    ]
    waited = wait_ready(
        refs,
        target.api,
        target.work,
        what=f"release {release.id}",
        simulated=target.kube.simulated,
        patience=target.patience,
        expected=prepared.expected,
    )
    if not target.kube.simulated:
        wait_for_webhooks(webhook_configurations(awaited), target.api, target.work)
    return waited


def _wait_for_answers(probes: Sequence[Probe], target: Target) -> None:
    """Wait for webhooks that others will call; in a namespace that is not there, no webhook is asked about anything."""
    for probe in probes:
        if probe.new_namespace and probe.namespace is not None:
            _ensure_namespace(probe.namespace, target)
    wait_for_answers(probes, target.api, target.work)


def _test(release: Release, invocation: Invocation, target: Target) -> None:
    target.work.notify("running its tests")
    try:
        _mutate(invocation.other("test", release, target), release, invocation, target, doing="test")
    except StepFailedError:
        if not release.ignore_test_failures:
            raise
        target.work.notify("its tests failed, which its spec.test.ignoreFailures ignores")


def _mutate(command: Command, release: Release, invocation: Invocation, target: Target, *, doing: str) -> None:
    try:
        invocation.run(command, target, release.timeout, f"helm for release {release.id}")
    except CommandFailedError as error:
        raise explained(error, release, doing=doing) from error


def _is_hook(manifest: Manifest) -> bool:
    return HELM_HOOK in ((manifest.get("metadata") or {}).get("annotations") or {})
