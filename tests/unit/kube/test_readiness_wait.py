"""Waits, with the causes that they name and that end them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import DeadlineError, StepFailedError
from bootstrap.kube.apply import KubeObjects
from bootstrap.kube.cause_timeout import Patience
from bootstrap.model.release import Kustomization
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "web", "generation": 1},
}


def quiet(_text: str) -> None:
    """Say nothing."""


def part(*objects: dict[str, Any], wait: bool = False) -> Kustomization:
    return Kustomization(namespace="flux", name="apps", objects=objects, wait=wait)


@pytest.fixture
def objects() -> KubeObjects:
    return KubeObjects(FakeProcesses(), "mine")


def test_deadline_names_what_was_not_ready_and_why(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    restarted = {"running": {"startedAt": "2026-01-02T03:04:05Z"}}
    put_pod_of_deployment(kube_api, "d", restarted, lastState={"terminated": {"exitCode": 3, "reason": "Error"}})
    with pytest.raises(
        DeadlineError, match="Kustomization flux/apps is not ready: waiting for Deployment web/d"
    ) as raised:
        objects.apply(part(DEPLOYMENT, wait=True), "print", kube_api.context(tmp_path), Work(token, quiet))
    assert raised.value.evidence == (
        "Deployment web/d: not seen by its controller yet",
        "container c ends with exit code 3",
    )


def test_what_does_not_go_away_by_itself_ends_the_wait_long_before_its_deadline(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    put_pod_of_deployment(kube_api, "d", {"waiting": {"reason": "ImagePullBackOff", "message": "typo: not found"}})
    objects = KubeObjects(FakeProcesses(), "stack", Patience(loaded=lambda: False))
    said: list[str] = []
    with pytest.raises(StepFailedError) as raised:
        objects.apply(part(DEPLOYMENT, wait=True), "print", kube_api.context(tmp_path), Work(token, said.append))
    cause = "image example/typo:1 is not found in its registry"
    assert raised.value.what == f"Kustomization flux/apps cannot become ready: Deployment web/d: {cause}"
    assert raised.value.evidence == ("typo: not found",)
    assert "bootstrap load example/typo:1; then run: bootstrap up" in str(raised.value.fix)
    assert said[-1] == cause
    assert 15 < token.clock.monotonic() < 20


def test_a_deployment_that_was_overdue_before_is_given_time_again(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    overdue = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}
    put_pod_of_deployment(kube_api, "d", {"waiting": {"reason": "ImagePullBackOff", "message": "typo: not found"}})
    deployment = {**DEPLOYMENT, "status": {"observedGeneration": 1, "conditions": [overdue]}}
    objects = KubeObjects(FakeProcesses(), "stack", Patience(loaded=lambda: False))
    with pytest.raises(StepFailedError, match="image example/typo:1 is not found in its registry"):
        objects.apply(part(deployment, wait=True), "print", kube_api.context(tmp_path), Work(token, quiet))
    assert 15 < token.clock.monotonic() < 20


@pytest.mark.parametrize(("asked", "loaded", "ends"), [(None, True, 30), (timedelta(minutes=2), False, 120)])
def test_a_busy_machine_and_whoever_asks_for_it_are_given_more_time(
    kube_api: FakeKubeApi, tmp_path: Path, asked: timedelta | None, *, loaded: bool, ends: int
) -> None:
    token = CancelToken(FakeClock()).within(300, "the test")
    put_pod_of_deployment(kube_api, "d", {"waiting": {"reason": "ErrImagePull", "message": "not found"}})
    objects = KubeObjects(FakeProcesses(), "stack", Patience(asked=asked, loaded=lambda: loaded))
    with pytest.raises(StepFailedError, match="cannot become ready"):
        objects.apply(part(DEPLOYMENT, wait=True), "print", kube_api.context(tmp_path), Work(token, quiet))
    assert ends < token.clock.monotonic() < ends + 5


def test_a_secret_that_the_plan_makes_is_waited_for_and_named(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}}
    put_pod_of_deployment(kube_api, "d", state)
    objects = KubeObjects(FakeProcesses(), "stack", Patience(loaded=lambda: False))
    said: list[str] = []
    waiting_part = replace(
        part(DEPLOYMENT, wait=True), expected={("Secret", "web", "db"): "ExternalSecret db (objects/x/y)"}
    )
    with pytest.raises(DeadlineError):
        objects.apply(waiting_part, "print", kube_api.context(tmp_path), Work(token, said.append))
    assert said[-1] == "Secret web/db does not exist yet: ExternalSecret db (objects/x/y) creates it"


def test_a_namespace_that_is_being_deleted_is_waited_for_and_made_again(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    going = kube_api.put("/api/v1/namespaces/going", {"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z"}})
    looks = []

    def fault(method: str, path: str) -> tuple[int, Any] | None:
        if method == "GET" and path.endswith("/namespaces/going"):
            looks.append(path)
            if len(looks) == 4 and kube_api.objects.get(path) is going:
                del kube_api.objects[path]
        return None

    kube_api.fault = fault
    said: list[str] = []
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "going"}}
    objects.apply(part(namespace), "print", kube_api.context(tmp_path), Work(token, said.append))
    assert said[0].startswith("namespace going is being deleted")
    assert "deletionTimestamp" not in kube_api.objects["/api/v1/namespaces/going"]["metadata"]


def test_a_namespace_whose_finalizers_nobody_removes_is_told_with_their_owner(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    words = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    remaining = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": words}
    kube_api.put(
        "/api/v1/namespaces/going",
        {"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z"}, "status": {"conditions": [remaining]}},
    )
    objects = KubeObjects(FakeProcesses(), "stack", Patience(loaded=lambda: False))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "going"}}
    with pytest.raises(StepFailedError, match="is being deleted") as raised:
        objects.apply(part(namespace), "print", kube_api.context(tmp_path), Work(token, quiet))
    assert raised.value.evidence == (words,)
    assert "let the controller of example.com run again" in str(raised.value.fix)


def test_what_is_ready_only_for_a_moment_at_each_start_is_not_ready(kube_api: FakeKubeApi, tmp_path: Path) -> None:
    """Without a probe a container counts as ready as soon as it begins: its third end is waited for."""
    token = CancelToken(FakeClock()).within(300, "the test")
    crashing = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    began = {"running": {"startedAt": "2026-01-02T03:04:05Z"}}
    ready = dict.fromkeys(("updatedReplicas", "replicas", "availableReplicas", "observedGeneration"), 1)
    web = DEPLOYMENT | {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}
    put_pod_of_deployment(kube_api, "d", began, restartCount=1)

    def fault(method: str, path: str) -> tuple[int, Any] | None:
        live = kube_api.objects.get("/apis/apps/v1/namespaces/web/deployments/d")
        pod = kube_api.objects.get("/api/v1/namespaces/web/pods/d-5f-1")
        if live is not None and pod is not None:
            over = token.clock.monotonic() > 8
            live["status"] = {**ready, "availableReplicas": 0} if over else ready
            status = pod["status"]["containerStatuses"][0]
            status["state"], status["restartCount"] = (crashing, 2) if over else (began, 1)
            status["lastState"] = {"terminated": {"exitCode": 3, "reason": "Error"}}
        return None

    kube_api.fault = fault
    objects = KubeObjects(FakeProcesses(), "mine", Patience(loaded=lambda: False))
    with pytest.raises(StepFailedError, match="container c ends with exit code 3, 3rd start"):
        objects.apply(part(web, wait=True), "print", kube_api.context(tmp_path), Work(token, quiet))


def put_pod_of_deployment(api: FakeKubeApi, name: str, state: dict[str, Any], **more: Any) -> None:
    """What a Deployment's controllers make, with a container in this state."""

    def make(live: dict[str, Any]) -> None:
        if live["kind"] != "Deployment":
            return
        owner = {"ownerReferences": [{"uid": live["metadata"]["uid"]}]}
        answer = api.put(f"/apis/apps/v1/namespaces/web/replicasets/{name}-5f", {"metadata": owner})
        owner = {"ownerReferences": [{"uid": answer["metadata"]["uid"]}]}
        status = {"name": "c", "image": "example/typo:1", "state": state, **more}
        api.put(
            f"/api/v1/namespaces/web/pods/{name}-5f-1", {"metadata": owner, "status": {"containerStatuses": [status]}}
        )

    api.on_apply = make
