from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.kube.api import ApiRefusedError
from bootstrap.kube.apply import KubeObjects
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import InventoryEntry, ObjectsObserved
from bootstrap.model.release import Kustomization, chain_of
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web"}}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "web"}, "data": {"a": "b"}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "d", "namespace": "web", "generation": 1},
    "spec": {"selector": {"matchLabels": {"app": "d"}}},
}
SETTINGS_PATH = "/api/v1/namespaces/web/configmaps/c"
SETTINGS_REF = ObjectRef(api_version="v1", kind="ConfigMap", namespace="web", name="c")
NAMESPACE_REF = ObjectRef(api_version="v1", kind="Namespace", namespace=None, name="web")

WITHIN = chain_of("flux/apps", ())


def quiet(_text: str) -> None:
    """Say nothing."""


def part(*objects: dict[str, Any], wait: bool = False) -> Kustomization:
    return Kustomization(namespace="flux", name="apps", objects=objects, wait=wait)


@pytest.fixture
def objects() -> KubeObjects:
    return KubeObjects(FakeProcesses(), "mine")


def test_a_namespace_that_another_stack_just_left_is_waited_for(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    home = "/api/v1/namespaces/bootstrap-system"
    kube_api.put(home, {"metadata": {"name": "bootstrap-system", "deletionTimestamp": "2026-01-02T12:00:00Z"}})
    looks = []

    def going(method: str, path: str) -> None:
        if (method, path) == ("GET", home):
            looks.append(path)
            if len(looks) == 3:
                del kube_api.objects[home]

    kube_api.fault = going
    assert objects.apply(part(NAMESPACE), "print", kube_api.context(tmp_path), Work(token, quiet)) == "1 object"
    assert kube_api.requests[0] == f"PATCH {home}"
    assert len(looks) > 3


def test_applied_in_order_labelled_and_noted(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    assert objects.apply(part(SETTINGS, NAMESPACE), "print", kube, Work(token, quiet)) == "2 objects"
    applied = [request for request in kube_api.requests if "bootstrap-system" not in request]
    assert applied == ["PATCH /api/v1/namespaces/web", f"PATCH {SETTINGS_PATH}"]
    assert kube_api.objects[SETTINGS_PATH]["metadata"]["labels"] == {"bootstrap.dev/owner": "mine"}
    assert objects.inventory(kube, token) == {
        "flux/apps": InventoryEntry(fingerprint="print", objects=(SETTINGS_REF, NAMESPACE_REF), within=WITHIN)
    }


def test_noted_before_anything_is_made(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    rejected = (422, {"message": "no such field"})
    kube_api.fault = lambda method, path: rejected if (method, path) == ("PATCH", SETTINGS_PATH) else None
    with pytest.raises(ApiRefusedError, match="cannot apply ConfigMap web/c: no such field"):
        objects.apply(part(SETTINGS), "print", kube, Work(token, quiet))
    kube_api.fault = lambda _method, _path: None
    # Without a fingerprint: the next run applies it again.
    assert objects.inventory(kube, token) == {
        "flux/apps": InventoryEntry(fingerprint="", objects=(SETTINGS_REF,), within=WITHIN)
    }


def test_what_left_the_repository_stays_noted_until_it_is_deleted(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    objects.apply(part(NAMESPACE, SETTINGS), "1", kube, Work(token, quiet))
    objects.apply(part(NAMESPACE), "2", kube, Work(token, quiet))
    assert objects.inventory(kube, token)["flux/apps"].objects == (SETTINGS_REF, NAMESPACE_REF)
    objects.delete("flux/apps", (SETTINGS_REF,), kube, Work(token, quiet))
    assert SETTINGS_PATH not in kube_api.objects
    assert objects.inventory(kube, token)["flux/apps"] == InventoryEntry(
        fingerprint="2", objects=(NAMESPACE_REF,), within=WITHIN
    )
    objects.delete("flux/apps", (NAMESPACE_REF,), kube, Work(token, quiet))
    assert objects.inventory(kube, token) == {}


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"bootstrap.dev/owner": "other"}},
        {},
        {
            "labels": {"bootstrap.dev/owner": "mine"},
            "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
        },
    ],
)
def test_only_our_own_is_deleted(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path, metadata: dict[str, Any]
) -> None:
    kube_api.put(SETTINGS_PATH, {"metadata": metadata})
    objects.delete("flux/apps", (SETTINGS_REF,), kube_api.context(tmp_path), Work(token, quiet))
    assert SETTINGS_PATH in kube_api.objects


def test_object_of_another_stack_is_refused(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    kube_api.put(SETTINGS_PATH, {"metadata": {"labels": {"bootstrap.dev/owner": "other"}}})
    with pytest.raises(StepFailedError, match="ConfigMap web/c belongs to another stack"):
        objects.apply(part(SETTINGS), "print", kube_api.context(tmp_path), Work(token, quiet))


def test_another_cluster_is_never_written_to(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    kube = replace(kube_api.context(tmp_path), uid="meant")
    with pytest.raises(RefusedError, match="another cluster answers"):
        objects.apply(part(SETTINGS), "print", kube, Work(token, quiet))
    with pytest.raises(RefusedError, match="another cluster answers"):
        objects.delete("flux/apps", (SETTINGS_REF,), kube, Work(token, quiet))
    assert kube_api.requests == []


def test_missing(kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path) -> None:
    kube_api.put(SETTINGS_PATH, SETTINGS)
    many = [replace(SETTINGS_REF, name=f"c{number}") for number in range(5)]
    unknown = ObjectRef(api_version="example.dev/v1", kind="Widget", namespace="web", name="w")
    refs = [SETTINGS_REF, *many, unknown]
    assert objects.look(refs, kube_api.context(tmp_path), token).missing == {*many, unknown}


def test_what_is_not_ready_is_seen_where_pods_run(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    path = "/apis/apps/v1/namespaces/web/deployments/d"
    kube_api.put(
        path,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"generation": 1},
            "status": {"observedGeneration": 1, "replicas": 1},
        },
    )
    ref = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="web", name="d")
    assert objects.look([ref], kube_api.context(tmp_path), token).unready == {ref: "0/1 replicas updated"}
    assert objects.look([ref], kube_api.context(tmp_path, simulated=True), token) == ObjectsObserved()


def test_waits_until_ready_and_says_for_what(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    looks = []

    def fault(method: str, path: str) -> tuple[int, Any] | None:
        if method == "GET" and path.endswith("deployments/d"):
            looks.append(path)
            if len(looks) == 4:
                live = kube_api.objects[path]
                live["status"] = dict.fromkeys(("updatedReplicas", "replicas", "availableReplicas"), 1)
                live["status"]["observedGeneration"] = 1
        return None

    kube_api.fault = fault
    said: list[str] = []
    objects.apply(part(DEPLOYMENT, wait=True), "print", kube_api.context(tmp_path), Work(token, said.append))
    assert said == ["waiting for Deployment web/d: not seen by its controller yet"]


def test_failure_for_good_ends_the_wait_at_once(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    def fail(live: dict[str, Any]) -> None:
        live["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}

    kube_api.on_apply = fail
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "web"}}
    with pytest.raises(StepFailedError, match="failed: Job web/j: BackoffLimitExceeded"):
        objects.apply(part(job, wait=True), "print", kube_api.context(tmp_path), Work(token, quiet))
    assert token.clock.monotonic() < 1


def test_what_is_simulated_is_shown_not_waited_for(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    balancer = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "web"},
        "spec": {"type": "LoadBalancer"},
    }
    backend = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.metrics"},
        "spec": {"service": {"name": "s"}},
    }
    kube = kube_api.context(tmp_path, simulated=True)
    applied = objects.apply(part(balancer, backend, wait=True), "print", kube, Work(token, quiet))
    assert applied == "1 object, 2 simulated"


def test_kind_that_nobody_defines_is_waited_for_then_named(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    widget = {"apiVersion": "example.dev/v1", "kind": "Widget", "metadata": {"name": "w"}}
    said: list[str] = []
    with pytest.raises(UnknownKindError, match=r"does not know Widget \(example.dev/v1\)"):
        objects.apply(part(widget), "print", kube_api.context(tmp_path), Work(token, said.append))
    assert said[0] == "waiting for the kind Widget (example.dev/v1)"


def test_webhook_that_cannot_be_called_yet_is_waited_for(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    tries = []

    def fault(method: str, path: str) -> tuple[int, Any] | None:
        if (method, path) == ("PATCH", SETTINGS_PATH):
            tries.append(path)
            if len(tries) < 3:
                return 500, {"message": 'Internal error occurred: failed calling webhook "w": no endpoints'}
        return None

    kube_api.fault = fault
    assert objects.apply(part(SETTINGS), "print", kube_api.context(tmp_path), Work(token, quiet)) == "1 object"


def test_webhook_that_rejects_is_an_answer(
    kube_api: FakeKubeApi, objects: KubeObjects, token: CancelToken, tmp_path: Path
) -> None:
    denied = {"message": 'admission webhook "w" denied the request: no'}
    kube_api.fault = lambda method, path: (403, denied) if (method, path) == ("PATCH", SETTINGS_PATH) else None
    with pytest.raises(ApiRefusedError, match="denied the request: no"):
        objects.apply(part(SETTINGS), "print", kube_api.context(tmp_path), Work(token, quiet))
    assert token.clock.monotonic() == 0


def test_the_inventorys_namespace_goes_with_the_last_entry_of_any_stack(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    home = "/api/v1/namespaces/bootstrap-system"
    ours, theirs = (KubeObjects(FakeProcesses(), owner) for owner in ("one", "two"))
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "namespace": "web"}}
    ours.apply(part(SETTINGS), "print", kube, Work(token, quiet))
    theirs.apply(part(other), "print", kube, Work(token, quiet))
    assert set(ours.inventory(kube, token)) == set(theirs.inventory(kube, token)) == {"flux/apps"}
    assert ours.inventory(kube, token)["flux/apps"].objects == (SETTINGS_REF,)
    ours.delete("flux/apps", (SETTINGS_REF,), kube, Work(token, quiet))
    assert home in kube_api.objects
    theirs.delete("flux/apps", (replace(SETTINGS_REF, name="other"),), kube, Work(token, quiet))
    assert home not in kube_api.objects
