"""A registry on a loopback port that holds one image of the engine under a name of its own, and counts who asks."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import DockerClient

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Registry:
    """What it serves, and how often."""

    image: str = ""
    """Its name, to be pulled by."""
    manifest: bytes = b""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """By digest."""
    asked: int = 0
    """How often its manifest was asked for; an engine that remembers the content asks for no more than its digest."""

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and content."""
        if path == "/v2/":
            return 200, "application/json", b"{}"
        if "/manifests/" in path:
            return 200, _MANIFEST, self.manifest
        blob = self.blobs.get(path.rpartition("/")[2])
        return (404, "text/plain", b"unknown") if blob is None else (200, "application/octet-stream", blob)

    def fill(self, archive: bytes) -> None:
        """Hold what `docker save` gave of one image."""
        with tarfile.open(fileobj=io.BytesIO(archive)) as saved:
            (listed,) = json.loads(_content(saved, "manifest.json"))
            config = self._blob(_CONFIG, _content(saved, listed["Config"]))
            layers = [self._blob(_LAYER, gzip.compress(_content(saved, layer), mtime=0)) for layer in listed["Layers"]]
        whole = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        self.manifest = json.dumps(whole).encode()

    def _blob(self, kind: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"mediaType": kind, "size": len(content), "digest": digest}


def _content(saved: tarfile.TarFile, name: str) -> bytes:
    member = saved.extractfile(name)
    assert member is not None, name
    return member.read()


@contextmanager
def registry_with(image: str, client: "DockerClient") -> Iterator[Registry]:
    """One that serves a copy of the image until the end of the block; the engine then forgets the copy."""
    from docker.errors import ImageNotFound  # noqa: PLC0415 - loads slowly

    registry = Registry()
    registry.fill(b"".join(client.images.get(image).save(named=True)))

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            status, kind, content = registry.answer(self.path)
            registry.asked += "/manifests/" in self.path
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD = _serve  # noqa: N815 - http.server's names

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        registry.image = f"127.0.0.1:{server.server_address[1]}/shop:1"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield registry
        finally:
            server.shutdown()
            with suppress(ImageNotFound):
                client.images.remove(registry.image)
