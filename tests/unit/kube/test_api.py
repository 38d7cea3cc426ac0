import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import CancelledError, DeadlineError, RefusedError
from bootstrap.kube.api import Answer, ApiRefusedError, ApiUnreachableError, KubeApi
from bootstrap.kube.identity import Clusters, cluster_uid
from bootstrap.kube.kubeconfig import Server, read_server
from bootstrap.model.kube import KubeContext
from bootstrap.system.clock import CancelToken, SystemClock
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses, failed, ok


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def server(port: int) -> Server:
    return Server(host="127.0.0.1", port=port, prefix="", tls=None, headers={})


def test_a_hung_server_ends_the_wait_at_the_deadline_and_is_named(silent: int) -> None:
    token = CancelToken(SystemClock()).within(0.3, "step release/a")
    with pytest.raises(DeadlineError, match=rf"step release/a was not done .* server at 127.0.0.1:{silent} does not"):
        KubeApi(server(silent)).get("/readyz", token)


def test_a_cancel_ends_the_wait_for_a_hung_server_at_once(silent: int) -> None:
    token = CancelToken(SystemClock()).within(60, "the test")
    threading.Timer(0.05, lambda: token.cancel("Ctrl-C")).start()
    with pytest.raises(CancelledError, match="Ctrl-C"):
        KubeApi(server(silent)).get("/readyz", token)
    assert (token.remaining() or 0) > 50


def test_nobody_there(token: CancelToken) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ApiUnreachableError, match=f"127.0.0.1:{port} does not answer"):
        KubeApi(server(port)).get("/readyz", token)


def test_a_busy_server_is_asked_again(kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path) -> None:
    answers: Iterator[tuple[int, Any] | None] = iter([(429, {}), (503, {}), None])
    kube_api.fault = lambda _method, _path: next(answers)
    api = Clusters(FakeProcesses()).api(kube_api.context(tmp_path), token)
    assert cluster_uid(api, token) == "cluster-uid"


def kubeconfig(folder: Path, *, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> Path:
    document = {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster or {"server": "https://127.0.0.1:6443/prefix"}}],
        "users": [{"name": "u", "user": user}],
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(document))
    return file


def test_credentials(token: CancelToken, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"token": "t"}, "Bearer t"),
        ({"tokenFile": "token"}, "Bearer from-file"),
        ({"username": "u", "password": "p"}, f"Basic {base64.b64encode(b'u:p').decode()}"),
    ]
    for user, header in cases:
        read = read_server(kubeconfig(tmp_path, user=user), FakeProcesses(), token)
        assert read.headers == {"Authorization": header}
        assert (read.host, read.port, read.prefix) == ("127.0.0.1", 6443, "/prefix")


def test_credential_plugin(token: CancelToken, tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "give-token",
        "args": ["now"],
        "env": [{"name": "REGION", "value": "x"}],
    }
    processes = FakeProcesses({"give-token now": ok(json.dumps({"status": {"token": "t"}}))})
    read = read_server(kubeconfig(tmp_path, user={"exec": plugin}), processes, token)
    assert read.headers == {"Authorization": "Bearer t"}
    [command] = processes.commands
    assert command.env is not None
    assert command.env["REGION"] == "x"
    assert json.loads(command.env["KUBERNETES_EXEC_INFO"])["kind"] == "ExecCredential"


@pytest.mark.parametrize("answer", [failed(1, "no session"), ok("nonsense")])
def test_credential_plugin_that_fails(answer: Any, token: CancelToken, tmp_path: Path) -> None:
    processes = FakeProcesses({"give-token": answer})
    file = kubeconfig(tmp_path, user={"exec": {"command": "give-token"}})
    with pytest.raises(RefusedError, match="credential plugin"):
        read_server(file, processes, token)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the kubeconfig"),
        ("[]", "is not a kubeconfig"),
        ("current-context: x", "no entry 'x' in contexts"),
    ],
)
def test_broken_kubeconfig(text: str, message: str, token: CancelToken, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(RefusedError, match=message):
        read_server(file, FakeProcesses(), token)


def test_proxies_are_refused(token: CancelToken, tmp_path: Path) -> None:
    cluster = {"server": "https://127.0.0.1", "proxy-url": "http://proxy"}
    with pytest.raises(RefusedError, match="proxy-url is not supported"):
        read_server(kubeconfig(tmp_path, user={}, cluster=cluster), FakeProcesses(), token)


def test_missing_kubeconfig(token: CancelToken, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="there is no kubeconfig"):
        Clusters(FakeProcesses()).api(KubeContext(kubeconfig=tmp_path / "no", uid="", simulated=False), token)


def test_a_missing_namespace_has_its_fix() -> None:
    answer = Answer(status=404, body={"message": 'namespaces "web" not found'})
    assert ApiRefusedError("cannot apply", answer).fix == (
        "declare Namespace web in the repository, or make it before: kubectl create namespace web"
    )
