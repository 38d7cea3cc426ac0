from pathlib import Path
from typing import Any

import pytest

from bootstrap.clock import CancelToken
from bootstrap.errors import DeadlineError
from bootstrap.kube.cluster import Clusters
from bootstrap.kube.webhooks import wait_for_webhooks, webhook_configurations
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
    wait_for_webhooks(webhook_configurations([CONFIGURATION, {"kind": "Service"}]), api, token, lambda _text: None)


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
