"""What is being deleted and stays: named at the deadline with what holds it."""

from pathlib import Path

import pytest

from bootstrap.errors import DeadlineError
from bootstrap.kube.apply import KubeObjects
from bootstrap.kube.deletion import holders, wait_deleted
from bootstrap.kube.identity import Clusters
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

NAMESPACE = ObjectRef(api_version="v1", kind="Namespace", namespace=None, name="web")
SETTINGS = ObjectRef(api_version="v1", kind="ConfigMap", namespace="web", name="c")
DELETED = {"deletionTimestamp": "2026-01-02T12:00:00Z"}
CONTENT = "Some content in the namespace has finalizers remaining: example.dev/keep in 1 resource instances"


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({}, ["its deletion has not begun"]),
        ({"metadata": DELETED}, []),
        ({"metadata": {**DELETED, "finalizers": ["a/b", "c/d"]}}, ["finalizers a/b, c/d"]),
        ({"metadata": DELETED, "spec": {"finalizers": ["kubernetes"]}}, ["finalizers kubernetes"]),
        (
            {
                "metadata": DELETED,
                "spec": {"finalizers": ["kubernetes"]},
                "status": {
                    "conditions": [
                        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": CONTENT},
                        {"type": "NamespaceContentRemaining", "status": "False", "message": "all gone"},
                        {"type": "Other", "status": "True", "message": "other"},
                    ]
                },
            },
            [CONTENT],
        ),
    ],
)
def test_what_holds_an_object(live: Manifest, expected: list[str]) -> None:
    assert list(holders(live)) == expected


def test_what_stays_is_named_at_the_deadline(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    kube_api.put("/api/v1/namespaces/web", {"metadata": {**DELETED, "name": "web", "finalizers": ["x/y"]}})
    kube_api.put("/api/v1/namespaces/web/configmaps/c", {"metadata": {**DELETED, "name": "c"}})
    api = Clusters(FakeProcesses()).api(kube_api.context(tmp_path), token)
    said: list[str] = []
    with pytest.raises(DeadlineError, match="Namespace web and 1 more is not deleted: the test was not done") as caught:
        wait_deleted([NAMESPACE, SETTINGS], api, Work(token, said.append))
    assert caught.value.evidence == (
        "Namespace web: finalizers x/y",
        "ConfigMap web/c: no reason found",
    )
    assert "finalizers" in str(caught.value.fix)
    assert said == ["waiting until Namespace web and 1 more is deleted (finalizers x/y)"]


def test_what_goes_late_is_waited_for(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    kube_api.put("/api/v1/namespaces/web", {"metadata": {**DELETED, "name": "web"}})
    api = Clusters(FakeProcesses()).api(kube_api.context(tmp_path), token)
    wait_deleted([NAMESPACE], api, Work(token, lambda _text: kube_api.objects.clear()))
    assert not kube_api.objects


def test_deleting_what_hangs_keeps_it_in_the_inventory(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    ours = {"name": "web", "labels": {"bootstrap.dev/owner": "mine"}, **DELETED}
    live = kube_api.put("/api/v1/namespaces/web", {"metadata": ours})
    kube_api.fault = lambda method, path: (200, live) if method == "DELETE" and path.endswith("/web") else None
    objects = KubeObjects(FakeProcesses(), "mine")
    with pytest.raises(DeadlineError, match="Namespace web is not deleted"):
        objects.delete("flux/apps", (NAMESPACE,), kube, Work(token, lambda _text: None))
    assert not [request for request in kube_api.requests if "configmaps" in request]
