import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bootstrap.clusters.kwok.api import Api
from bootstrap.clusters.kwok.pki import make_pki
from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken, SystemClock


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by path as it is told, to those who show a certificate."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[str, tuple[int, Any]]] = {}
    seen: ClassVar[list[tuple[str, str, str, Any]]] = []

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        self.seen.append((self.command, self.path, self.headers["Content-Type"], body))
        status, given = self.answers[f"{self.command} {self.path}"]
        content = given.encode() if isinstance(given, str) else json.dumps(given).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 (the names it looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it is given)
        """Say nothing."""


@pytest.fixture(scope="module")
def port_and_pki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    pki = tmp_path_factory.mktemp("cluster") / "pki"
    make_pki(pki, SystemClock())
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    trust.verify_mode = ssl.CERT_REQUIRED
    trust.load_cert_chain(pki / "kube-apiserver.crt", pki / "kube-apiserver.key")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1], pki
        server.shutdown()


def made_for(port: int, pki: Path) -> Api:
    return Api(port, pki, CancelToken(SystemClock()))


@pytest.fixture
def api(port_and_pki: tuple[int, Path]) -> Api:
    Server.answers.clear()
    Server.seen.clear()
    return made_for(*port_and_pki)


def test_ready_is_nothing_to_tell(api: Api) -> None:
    Server.answers["GET /readyz"] = (200, "ok")
    assert api.ready() == ""


def test_what_is_not_ready_is_named(api: Api) -> None:
    Server.answers["GET /readyz"] = (500, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]rbac failed\nfailed")
    assert api.ready() == "not ready: etcd, rbac"
    Server.answers["GET /readyz"] = (429, "")
    assert api.ready() == "not ready: status 429"


def test_no_answer_is_told_and_the_next_question_is_asked_anew(api: Api, port_and_pki: tuple[int, Path]) -> None:
    nobody = made_for(1, port_and_pki[1])
    assert nobody.ready() == "no answer ([Errno 111] Connection refused)"
    with pytest.raises(StepFailedError, match="does not answer") as caught:
        nobody.get("/api")
    assert caught.value.command == "GET https://127.0.0.1:1/api"
    Server.answers["GET /readyz"] = (200, "ok")
    assert api.ready() == ""
    assert api.ready() == ""


def test_what_is_not_there_is_none(api: Api) -> None:
    Server.answers["GET /a"] = (404, {})
    Server.answers["GET /b"] = (200, {"kind": "B"})
    assert api.get("/a") is None
    assert api.get("/b") == {"kind": "B"}


def test_creating_what_is_there_and_deleting_what_is_gone_is_fine(api: Api) -> None:
    Server.answers["POST /a"] = (409, {})
    Server.answers["DELETE /a"] = (404, {})
    api.create("/a", {"kind": "A"})
    api.delete("/a")
    assert Server.seen[0] == ("POST", "/a", "application/json", {"kind": "A"})


def test_a_merge_says_what_it_is(api: Api) -> None:
    Server.answers["PATCH /a"] = (200, {})
    api.merge("/a", {"spec": {}})
    assert Server.seen == [("PATCH", "/a", "application/merge-patch+json", {"spec": {}})]


@pytest.mark.parametrize("verb", ["GET", "POST", "PATCH", "DELETE"])
def test_a_refusal_is_an_error_with_what_was_said(api: Api, verb: str) -> None:
    Server.answers[f"{verb} /a"] = (403, {"message": "no"})
    calls: dict[str, Callable[[], object]] = {
        "GET": lambda: api.get("/a"),
        "POST": lambda: api.create("/a", {}),
        "PATCH": lambda: api.merge("/a", {}),
        "DELETE": lambda: api.delete("/a"),
    }
    with pytest.raises(StepFailedError, match="refused /a: status 403") as caught:
        calls[verb]()
    assert caught.value.evidence == ("no",)


def test_a_server_of_another_authority_is_not_believed(port_and_pki: tuple[int, Path], tmp_path: Path) -> None:
    make_pki(tmp_path / "pki", SystemClock())
    stranger = made_for(port_and_pki[0], tmp_path / "pki")
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.ready()
