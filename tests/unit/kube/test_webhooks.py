from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import DeadlineError
from bootstrap.kube.identity import Clusters
from bootstrap.kube.webhooks import wait_for_answers, wait_for_webhooks, webhook_configurations
from bootstrap.model.observed import Probe
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

CONFIGURATION = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "policy"},
}
PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/policy"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/policy/endpointslices/policy-1"


def webhook(**client: Any) -> dict[str, Any]:
    backend = {"namespace": "policy", "name": "policy"}
    return {**CONFIGURATION, "webhooks": [{"name": "w", "clientConfig": {"service": backend, **client}}]}


def endpoints(*, ready: bool) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": "policy"}
    return {"metadata": {"labels": labels}, "endpoints": [{"conditions": {"ready": ready}}]}


def wait(kube_api: FakeKubeApi, token: CancelToken, folder: Path) -> None:
    api = Clusters(FakeProcesses()).api(kube_api.context(folder), token)
    wait_for_webhooks(
        webhook_configurations([CONFIGURATION, {"kind": "Service"}]), api, Work(token, lambda _text: None)
    )


def test_done_when_it_can_be_called(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    kube_api.put(PATH, webhook(caBundle="Q0E="))
    kube_api.put(SLICE, endpoints(ready=True))
    wait(kube_api, token, tmp_path)
    assert token.clock.monotonic() == 0


def test_a_webhook_outside_the_cluster_is_not_looked_at(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    kube_api.put(PATH, {**CONFIGURATION, "webhooks": [{"name": "w", "clientConfig": {"url": "https://127.0.0.1"}}]})
    wait(kube_api, token, tmp_path)


@pytest.mark.parametrize(
    ("live", "slices", "lack"),
    [
        (webhook(), [endpoints(ready=True)], "webhook w has no caBundle yet"),
        (webhook(caBundle="Q0E="), [], "Service policy/policy of webhook w has no ready endpoint"),
        (
            webhook(caBundle="Q0E="),
            [endpoints(ready=False)],
            "Service policy/policy of webhook w has no ready endpoint",
        ),
    ],
)
def test_deadline_names_what_it_lacks(
    kube_api: FakeKubeApi,
    token: CancelToken,
    tmp_path: Path,
    live: dict[str, Any],
    slices: list[dict[str, Any]],
    lack: str,
) -> None:
    kube_api.put(PATH, live)
    for each in slices:
        kube_api.put(SLICE, each)
    with pytest.raises(DeadlineError, match=f"policy cannot be called: {lack}"):
        wait(kube_api, token, tmp_path)


PROBE = Probe(
    webhook="check.example.dev",
    manifest={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}},
    namespace="web",
)
SILENT = 'Internal error occurred: failed calling webhook "check.example.dev": connection refused'


def answers(kube_api: FakeKubeApi, token: CancelToken, folder: Path, *responses: tuple[int, str]) -> list[str]:
    """Wait while dry runs end like this, one after the other, and then well; what was said."""
    left, said = list(responses), list[str]()

    def fault(method: str, _path: str) -> tuple[int, dict[str, Any]] | None:
        if method != "PATCH" or not left:
            return None
        status, message = left.pop(0)
        return status, {"message": message}

    kube_api.fault = fault
    api = Clusters(FakeProcesses()).api(kube_api.context(folder), token)
    wait_for_answers([PROBE], api, Work(token, said.append))
    return said


def test_a_webhook_that_does_not_answer_yet_is_waited_for(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    said = answers(kube_api, token, tmp_path, (500, SILENT), (500, SILENT))
    assert said == [f"waiting for webhook check.example.dev: {SILENT}"]
    assert kube_api.requests == ["PATCH /api/v1/namespaces/web/configmaps/c"] * 3
    assert kube_api.objects == {}


@pytest.mark.parametrize(
    "response",
    [
        (400, 'admission webhook "check.example.dev" denied the request: no'),
        (404, 'namespaces "web" not found'),
        (500, SILENT.replace("check", "another")),
    ],
)
def test_a_rejection_is_an_answer(
    response: tuple[int, str], kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    assert answers(kube_api, token, tmp_path, response) == []
    assert len(kube_api.requests) == 1


def test_a_webhook_that_never_answers_ends_at_the_deadline(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    asked = r"webhook check\.example\.dev does not answer for ConfigMap web/c"
    with pytest.raises(DeadlineError, match=asked) as error:
        answers(kube_api, token.within(5, "release a/b"), tmp_path, *[(500, SILENT)] * 100)
    assert error.value.evidence == (SILENT,)


def test_an_object_of_a_kind_that_is_not_there_yet_cannot_be_asked_about(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    odd = Probe(webhook="w", manifest={**PROBE.manifest, "apiVersion": "example.dev/v1"}, namespace=None)
    api = Clusters(FakeProcesses()).api(kube_api.context(tmp_path), token)
    wait_for_answers([odd], api, Work(token, lambda _text: None))
    assert kube_api.requests == []
