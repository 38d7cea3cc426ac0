"""What is seen from beside while helm runs."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.charts.helm_arguments import Target
from bootstrap.charts.helm_errors import explained
from bootstrap.charts.helm_watch import HelmWatch
from bootstrap.errors import StepFailedError
from bootstrap.kube.cause_timeout import Patience
from bootstrap.kube.cause_watch import NotReadyError
from bootstrap.kube.identity import Clusters
from bootstrap.model.observed import PreparedRelease
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Finished
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses, failed, ok
from fakes.repo import release

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "migrate", "namespace": "apps", "annotations": {"helm.sh/hook": "pre-install"}},
}
WEB: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "apps"}}
HOOK_PATH = "/apis/batch/v1/namespaces/apps/jobs/migrate"
NOT_FOUND = {"waiting": {"reason": "ErrImagePull", "message": "registry.test/none:1: not found"}}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def target(kube_api: FakeKubeApi, tmp_path: Path, said: list[str]) -> Target:
    token = CancelToken(FakeClock()).within(300, "the test")
    kube = kube_api.context(tmp_path)
    return Target(
        kube=kube,
        api=Clusters(FakeProcesses()).api(kube, token),
        work=Work(token, said.append),
        stack="test",
        patience=Patience(loaded=lambda: False),
    )


def prepared(*manifests: dict[str, Any]) -> PreparedRelease:
    return PreparedRelease(release=release("app"), manifests=manifests)


def put_pod(api: FakeKubeApi, owner: str, state: dict[str, Any]) -> None:
    """A pod of what has this uid, with one container in this state."""
    status = {"name": "main", "image": "registry.test/none:1", "state": state}
    owners = {"ownerReferences": [{"uid": owner}]}
    api.put("/api/v1/namespaces/apps/pods/x", {"metadata": owners, "status": {"containerStatuses": [status]}})


def until_stopped(cancel: CancelToken) -> Finished:
    """As helm does: it waits for a hook until somebody stops it."""
    assert cancel._event.wait(30)
    cancel.check()
    return ok()


def test_a_hook_that_cannot_start_ends_helm_and_says_why(
    kube_api: FakeKubeApi, target: Target, said: list[str]
) -> None:
    watch = HelmWatch(prepared(JOB), target, upgrade=False)
    put_pod(kube_api, kube_api.put(HOOK_PATH, JOB)["metadata"]["uid"], NOT_FOUND)
    with pytest.raises(NotReadyError) as raised:
        watch.beside(until_stopped)
    cause = "image registry.test/none:1 is not found in its registry"
    assert raised.value.what == f"release apps/app cannot become ready: Job apps/migrate: {cause}"
    assert said[-1] == cause
    assert 15 < target.work.cancel.clock.monotonic() < 20
    assert not target.work.cancel.cancelled


def test_a_hook_of_an_earlier_run_is_not_meant(kube_api: FakeKubeApi, target: Target, said: list[str]) -> None:
    put_pod(kube_api, kube_api.put(HOOK_PATH, JOB)["metadata"]["uid"], NOT_FOUND)
    watch = HelmWatch(prepared(JOB), target, upgrade=False)

    def a_while(cancel: CancelToken) -> Finished:
        while cancel.clock.monotonic() < 60:
            cancel.check()
        return ok()

    assert watch.beside(a_while).returncode == 0
    assert said == []


def test_on_an_upgrade_what_was_broken_before_ends_nothing(kube_api: FakeKubeApi, target: Target) -> None:
    kube_api.put("/apis/apps/v1/namespaces/apps/deployments/web", WEB)
    watch = HelmWatch(prepared(WEB), target, upgrade=True)
    assert watch.beside(lambda _cancel: ok()).returncode == 0
    assert watch.last_look() == ()


def test_what_helm_says_of_a_failed_hook_is_explained_by_what_was_seen(kube_api: FakeKubeApi, target: Target) -> None:
    watch = HelmWatch(prepared(JOB), target, upgrade=False)
    live = kube_api.put(HOOK_PATH, JOB)
    put_pod(kube_api, live["metadata"]["uid"], {"terminated": {"exitCode": 5, "reason": "Error"}})

    def fail(cancel: CancelToken) -> Finished:
        while cancel.clock.monotonic() < 5:
            cancel.check()
        del kube_api.objects[HOOK_PATH]  # as its policy hook-failed asks
        raise CommandFailedError(
            Command(argv=("helm", "upgrade")), failed(1, "Error: failed pre-install: job migrate failed")
        )

    with pytest.raises(CommandFailedError) as ended:
        watch.beside(fail)
    error = explained(ended.value, release("app"), doing="install", look=watch.last_look)
    assert isinstance(error, StepFailedError)
    assert error.what == (
        "helm could not install release apps/app: Job apps/migrate: container main ends with exit code 5"
    )
    assert error.evidence[0] == "Error: failed pre-install: job migrate failed"
