"""Whether a host is answered, and what is missing where it is not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bootstrap.kube.host_check import IngressAnswers, Rules, lack_of, status_of
from bootstrap.model.kube import Manifest
from bootstrap.system.clock import CancelToken
from bootstrap.system.sockets import free_port
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

HOST = "shop.localhost"
INGRESS: Manifest = {
    "metadata": {"name": "shop", "namespace": "shop"},
    "spec": {
        "ingressClassName": "traefik",
        "rules": [{"host": HOST, "http": {"paths": [{"path": "/", "backend": {"service": {"name": "web"}}}]}}],
    },
}
READY = {("shop", "web"): True}
TRAEFIK = frozenset({"traefik"})


@pytest.mark.parametrize(
    ("status", "rules", "lack"),
    [
        (200, Rules(), ""),
        (302, Rules(), ""),
        (404, Rules(ingresses=[INGRESS], classes=TRAEFIK, ready=READY), ""),
        (401, Rules(ingresses=[INGRESS], classes=TRAEFIK, ready=READY), ""),
        (404, Rules(classes=TRAEFIK), "no Ingress in the cluster has a rule for shop.localhost"),
        (
            503,
            Rules(ingresses=[INGRESS], classes=TRAEFIK, ready={("shop", "web"): False}),
            "the backend of shop.localhost is not ready: Service shop/web has no ready endpoint",
        ),
        (
            None,
            Rules(ingresses=[INGRESS], ready=READY),
            "no ingress controller is installed (nothing answers on port 8080)",
        ),
        (
            None,
            Rules(ingresses=[INGRESS], classes=frozenset({"nginx"}), ready=READY),
            "no ingress controller of class traefik is installed; there is nginx",
        ),
        (
            None,
            Rules(ingresses=[INGRESS], classes=TRAEFIK, ready=READY),
            "the ingress controller of class traefik does not answer on port 8080",
        ),
        (None, Rules(classes=TRAEFIK), "no Ingress in the cluster has a rule for shop.localhost"),
        (
            404,
            Rules(ingresses=[INGRESS], classes=frozenset({"nginx"}), ready={("shop", "web"): True}),
            "no ingress controller of class traefik is installed; there is nginx",
        ),
        (404, Rules(ingresses=[INGRESS], classes=TRAEFIK, ready={("shop", "web"): True}), ""),
    ],
)
def test_what_is_missing(status: int | None, rules: Rules, lack: str) -> None:
    assert lack_of(HOST, status, 8080, rules) == lack


@contextmanager
def controller(answers: dict[str, int]) -> Iterator[int]:
    """A port that answers by host name as an ingress controller does."""

    class Requests(BaseHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.send_response(answers.get(self.headers["Host"].partition(":")[0], 404))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_host_is_asked_for_by_its_name_on_loopback() -> None:
    with controller({HOST: 204}) as port:
        assert status_of(HOST, port) == 204
        assert status_of("other.localhost", port) == 404
    assert status_of(HOST, free_port() or 0) is None


def test_only_what_is_not_answered_well_is_looked_up_in_the_cluster(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    kube_api.kinds["/apis/networking.k8s.io/v1"] = (
        ("Ingress", "ingresses", True),
        ("IngressClass", "ingressclasses", False),
    )
    kube_api.put("/apis/networking.k8s.io/v1/namespaces/shop/ingresses/shop", dict(INGRESS))
    kube_api.put("/apis/networking.k8s.io/v1/ingressclasses/traefik", {})
    ask = IngressAnswers(FakeProcesses())
    with controller({HOST: 503, "fine.localhost": 200}) as port:
        answers = ask((HOST, "fine.localhost", "gone.localhost"), port, kube_api.context(tmp_path), token)
    assert answers == {
        HOST: "the backend of shop.localhost is not ready: Service shop/web has no ready endpoint",
        "fine.localhost": "",
        "gone.localhost": "no Ingress in the cluster has a rule for gone.localhost",
    }
    port = free_port() or 0
    ready = {"metadata": {"labels": {"kubernetes.io/service-name": "web"}}, "endpoints": [{"addresses": ["10.0.0.1"]}]}
    kube_api.put("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/web-1", ready)
    silent = f"the ingress controller of class traefik does not answer on port {port}"
    assert ask((HOST,), port, kube_api.context(tmp_path), token) == {HOST: silent}
