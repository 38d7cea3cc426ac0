"""Tags are resolved against a registry in memory, which may want a token or a login."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bootstrap.charts.oci_tags import OciTags, is_version
from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken
from fakes.processes import FakeProcesses, ok

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
LOGIN = base64.b64encode(b"me:secret").decode()


class Registry(ThreadingHTTPServer):
    """Holds `charts/echo:latest`."""

    wants: str = ""
    """`Basic` or `Bearer`; empty: nothing."""
    granted: str = f"Basic {LOGIN}"
    asked: list[str]


@pytest.fixture
def registry() -> Iterator[Registry]:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            given = self.headers.get("Authorization", "")
            if self.path.startswith("/token"):
                self.answer(200 if given == server.granted else 401, json.dumps({"token": "t0"}).encode())
            elif server.wants and given != {"Basic": server.granted, "Bearer": "Bearer t0"}[server.wants]:
                realm = f'realm="http://127.0.0.1:{server.server_port}/token",service="s",scope="pull"'
                self.answer(401, b"", challenge=f"{server.wants} {realm}")
            else:
                self.answer(200 if self.path == "/v2/charts/echo/manifests/latest" else 404, MANIFEST)

        def answer(self, status: int, body: bytes, challenge: str = "") -> None:
            self.send_response(status)
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            del format, args

    server = Registry(("127.0.0.1", 0), Requests)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url(registry: Registry) -> str:
    return f"oci://127.0.0.1:{registry.server_port}/charts/echo"


def tags(folder: Path, registry: Registry, **settings: object) -> OciTags:
    host = f"127.0.0.1:{registry.server_port}"
    file = folder / "config.json"
    file.write_text(json.dumps({key: {host: value} for key, value in settings.items()}))
    answer = ok(json.dumps({"Username": "me", "Secret": "secret"}))
    return OciTags([folder / "missing.json", file], FakeProcesses({"docker-credential-pass get": answer}))


def test_a_tag_means_the_digest_of_its_manifest(tmp_path: Path, registry: Registry, token: CancelToken) -> None:
    assert tags(tmp_path, registry).digest(url(registry), "latest", token, plain=True) == DIGEST


@pytest.mark.parametrize("wants", ["Basic", "Bearer"])
@pytest.mark.parametrize("settings", [{"auths": {"auth": LOGIN}}, {"credHelpers": "pass"}])
def test_a_private_registry_is_asked_with_the_user_s_login(
    tmp_path: Path, registry: Registry, token: CancelToken, wants: str, settings: dict[str, object]
) -> None:
    registry.wants = wants
    assert tags(tmp_path, registry, **settings).digest(url(registry), "latest", token, plain=True) == DIGEST


def test_a_public_registry_may_want_a_token_from_everybody(
    tmp_path: Path, registry: Registry, token: CancelToken
) -> None:
    registry.wants, registry.granted = "Bearer", ""
    assert tags(tmp_path, registry).digest(url(registry), "latest", token, plain=True) == DIGEST
    assert "/token?service=s&scope=pull" in registry.asked


def test_a_tag_that_is_not_there_is_named(tmp_path: Path, registry: Registry, token: CancelToken) -> None:
    with pytest.raises(StepFailedError, match="cannot resolve tag gone of oci://") as failed:
        tags(tmp_path, registry).digest(url(registry), "gone", token, plain=True)
    assert failed.value.evidence == ("HTTP 404 Not Found",)


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("1.2.3", True),
        ("v1.2.3-rc.1", True),
        ("latest", False),
        ("main-abc1234", False),
        ("1.0.0_build.7", False),
        ("1", False),
    ],
)
def test_helm_pulls_whole_versions_by_itself(tag: str, *, version: bool) -> None:
    assert is_version(tag) is version
