"""An API server in memory, on a loopback port: keeps what is applied, knows a few kinds, can misbehave."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bootstrap.model.kube import KubeContext

Answer = tuple[int, Any]
Fault = Callable[[str, str], Answer | None]
"""(method, path) → an answer instead of the usual one."""

_KINDS: Mapping[str, tuple[tuple[str, str, bool], ...]] = {
    "/api/v1": (
        ("Namespace", "namespaces", False),
        ("ConfigMap", "configmaps", True),
        ("Secret", "secrets", True),
        ("Service", "services", True),
        ("Pod", "pods", True),
        ("Event", "events", True),
        ("Node", "nodes", False),
        ("PersistentVolumeClaim", "persistentvolumeclaims", True),
    ),
    "/apis/apps/v1": (
        ("Deployment", "deployments", True),
        ("StatefulSet", "statefulsets", True),
        ("DaemonSet", "daemonsets", True),
        ("ReplicaSet", "replicasets", True),
    ),
    "/apis/batch/v1": (("Job", "jobs", True),),
    "/apis/storage.k8s.io/v1": (("StorageClass", "storageclasses", False),),
    "/apis/discovery.k8s.io/v1": (("EndpointSlice", "endpointslices", True),),
    "/apis/apiextensions.k8s.io/v1": (("CustomResourceDefinition", "customresourcedefinitions", False),),
    "/apis/admissionregistration.k8s.io/v1": (
        ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False),
    ),
}


@dataclass
class FakeKubeApi:
    """Objects by their path; every request is noted."""

    url: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """`METHOD path` without reads."""
    kinds: dict[str, tuple[tuple[str, str, bool], ...]] = field(default_factory=lambda: dict(_KINDS))
    fault: Fault = lambda _method, _path: None
    uid: str = "cluster-uid"
    version: str = "v1.34.4"
    on_apply: Callable[[dict[str, Any]], None] = lambda _live: None
    """What controllers do: called with each live object after it was applied."""

    def context(self, folder: Path, *, simulated: bool = False) -> KubeContext:
        """A kubeconfig for it."""
        config = {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {}}],
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(config))
        return KubeContext(kubeconfig=file, uid=self.uid, simulated=simulated)

    def put(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Have this object there."""
        live: dict[str, Any] = json.loads(json.dumps(manifest))
        live.setdefault("metadata", {}).setdefault("name", path.rpartition("/")[2])
        live["metadata"].setdefault("uid", str(uuid.uuid4()))
        if "/namespaces/" in path:
            live["metadata"].setdefault("namespace", path.split("/namespaces/")[1].split("/", maxsplit=1)[0])
        self.objects[path] = live
        return live

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        """As an API server would."""
        if method != "GET":
            self.requests.append(f"{method} {path}")
        if (wrong := self.fault(method, path)) is not None:
            return wrong
        if method == "GET":
            return self._get(path, query)
        if method == "DELETE":
            removed = self.objects.pop(path, None)
            return (404, {"message": "not found"}) if removed is None else (200, removed)
        if query.get("dryRun"):
            return 200, _merged(self.objects.get(path, {}), body)
        return self._patch(path, body)

    def _get(self, path: str, query: Mapping[str, str]) -> Answer:
        if path in self.kinds:
            listed = [
                {"kind": kind, "name": plural, "namespaced": namespaced}
                for kind, plural, namespaced in self.kinds[path]
            ]
            return 200, {"resources": listed}
        if path in {"/api", "/apis", "/version"}:
            groups = [group for group in self._groups() if group["path"].startswith(f"{path}/")]
            return 200, {"items": groups, "gitVersion": self.version}
        if path == "/api/v1/namespaces/kube-system":
            return 200, {"metadata": {"name": "kube-system", "uid": self.uid}}
        if path in self.objects:
            return 200, self.objects[path]
        if path.rpartition("/")[2] not in {plural for kinds in self.kinds.values() for _, plural, _ in kinds}:
            return 404, {"message": f"{path} not found"}
        return 200, {"items": [item for where, item in self.objects.items() if _within(where, path, item, query)]}

    def _groups(self) -> Iterator[dict[str, Any]]:
        """Aggregated discovery, one group version each."""
        for path, kinds in self.kinds.items():
            name, _, version = path.removeprefix("/api/").removeprefix("/apis/").rpartition("/")
            resources = [{"resource": plural, "responseKind": {"kind": kind}} for kind, plural, _ in kinds]
            versions = [{"version": version, "resources": resources}]
            yield {"path": path, "metadata": {"name": name} if name else {}, "versions": versions}

    def _patch(self, path: str, body: dict[str, Any]) -> Answer:
        before = self.objects.get(path, {})
        live = self.put(path, _merged(before, body))
        self.on_apply(live)
        return 200, live


def _within(where: str, collection: str, live: dict[str, Any], query: Mapping[str, str]) -> bool:
    plural = collection.rpartition("/")[2]
    parent, _, _ = where.rpartition("/")
    # A collection without a namespace lists those of all namespaces.
    if parent != collection and ("/namespaces/" in collection or parent.rpartition("/")[2] != plural):
        return False
    labels = live["metadata"].get("labels") or {}
    pairs = [pair.partition("=") for pair in query.get("labelSelector", "").split(",") if pair]
    return all(labels.get(key) == value if equals else key in labels for key, equals, value in pairs)


def _merged(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return under | {key: _merged(under.get(key), value) for key, value in over.items()}


@contextmanager
def fake_kube_api() -> Iterator[FakeKubeApi]:
    """One that serves until the end of the block."""
    api = FakeKubeApi()

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write per answer: two would wait for each other's acknowledgement.
        wbufsize = 1 << 16

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            address = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            status, answer = api.answer(self.command, address.path, query, body)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()
        yield api
        server.shutdown()
        serving.join()
