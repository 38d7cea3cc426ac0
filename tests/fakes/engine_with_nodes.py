"""An engine in memory that has images, and nodes on it whose containerd takes them through exec sockets."""

import contextlib
import io
import json
import socket
import struct
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import requests
from docker import DockerClient
from docker.errors import ImageNotFound
from docker.models.containers import Container

_OLD, _NEW = "1.41", "1.51"


def archive(name: str, identity: str, digest: str, padding: int = 0) -> bytes:
    """What `docker save` writes, as far as the nodes here read it: whose it is, and that it is whole."""
    index = json.dumps({"name": name, "id": identity, "digest": digest}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file, data in (("image.json", index), ("layer", b"x" * padding)):
            info = tarfile.TarInfo(file)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


@dataclass
class FakeImage:
    """An image of the engine."""

    id: str
    digest: str
    """By which containerd knows it."""
    architecture: str = "amd64"
    manifests: tuple[str, ...] = ()
    padding: int = 0
    broken: bool = False
    """Whether saving it stops in the middle."""


@dataclass
class FakeNode:
    """One node: what its containerd has, and what was run in it."""

    name: str
    rows: dict[str, str] = field(default_factory=dict)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    full: bool = False
    """Whether its disk is."""
    id: str = ""
    status: str = "running"
    labels: dict[str, str] = field(default_factory=lambda: {"role": "control-plane"})
    client: Any = None

    def run(self, argv: tuple[str, ...], given: bytes) -> tuple[int, str]:
        """What `ctr` does and prints."""
        self.ran.append(argv)
        if argv[-1] == "ls":
            head = "REF TYPE DIGEST SIZE PLATFORMS LABELS"
            return 0, "\n".join([head, *(f"{name} type {digest} 1.0 MiB" for name, digest in self.rows.items())])
        if "tag" in argv:
            self.rows[argv[-1]] = self.rows[argv[-2]]
            return 0, ""
        if argv == ("ctr", "version"):
            return 0, "1.7"
        return self._import(argv, given)

    def _import(self, argv: tuple[str, ...], given: bytes) -> tuple[int, str]:
        if self.full:
            return 1, "ctr: no space left on device"
        try:
            with tarfile.open(fileobj=io.BytesIO(given)) as tar:
                document = json.loads(cast("io.BufferedReader", tar.extractfile("image.json")).read())
        except (tarfile.TarError, KeyError):
            return 1, "ctr: unexpected EOF"
        if "--digests" in argv:
            self.rows[f"{argv[argv.index('--base-name') + 1]}@{document['digest']}"] = document["digest"]
        else:
            self.rows[document["name"]] = document["digest"]
        self.rows[document["id"]] = document["digest"]
        return 0, "unpacking … done"


class FakeEngine:
    """The calls of docker's client that streams need."""

    base_url = "http+docker://localhost"

    def __init__(self, *nodes: FakeNode, new: bool = False) -> None:
        self.api_version = _NEW if new else _OLD
        self.nodes = nodes
        self.stored: dict[str, FakeImage] = {}
        self.saves: list[tuple[str, dict[str, str]]] = []
        self.pulls: list[str] = []
        self.pullable: dict[str, FakeImage] = {}
        self.api = self
        self.containers = self
        self.images = self
        self._execs: dict[str, tuple[FakeNode, tuple[str, ...]]] = {}
        self._codes: dict[str, int] = {}
        for node in nodes:
            node.client, node.id = self, node.id or f"id-{node.name}"

    def client(self) -> DockerClient:
        """It, as those who use it know it."""
        return cast("DockerClient", self)

    def containers_(self) -> "Sequence[Container]":
        """Its nodes, as those who use them know them."""
        return [cast("Container", node) for node in self.nodes]

    def list(self, **_filters: Any) -> Sequence[FakeNode]:
        return self.nodes

    def image(self, name: str, identity: str, digest: str, **more: Any) -> None:
        """Build or pull an image of this name."""
        self.stored[name] = FakeImage(id=f"sha256:{identity}", digest=f"sha256:{digest}", **more)

    def version(self, api_version: bool = True) -> dict[str, str]:  # noqa: FBT002 - docker's own
        return {"Arch": "amd64", "Os": "linux"}

    def inspect_image(self, name: str) -> dict[str, Any]:
        if name not in self.stored:
            raise ImageNotFound(name)
        image = self.stored[name]
        return {"Id": image.id, "Os": "linux", "Architecture": image.architecture, "Size": image.padding}

    def get_(self, name: str) -> None:
        """An image by name, as `client.images.get`."""
        self.inspect_image(name)

    def pull(self, repository: str, *, tag: str, stream: bool, decode: bool) -> Iterator[dict[str, str]]:
        joint = "@" if tag.startswith("sha256:") else ":"
        name = f"{repository}{joint}{tag}"
        self.pulls.append(name)
        if name not in self.pullable:
            return iter([{"error": "no such host"}])
        self.stored[name] = self.pullable[name]
        return iter([])

    def get(self, url: str, params: Any = None, **_how: Any) -> Any:
        if params is None:
            return self.get_(url)
        name, _, what = url.partition("/images/")[2].rpartition("/")
        image = self.stored[name]
        if what == "json":
            answer = {"Manifests": [{"Kind": "image", "ID": image_id} for image_id in image.manifests]}
            return _response(json.dumps(answer).encode())
        self.saves.append((name, dict(params)))
        full = archive(_stored(name), image.id, image.digest, image.padding)
        return _Breaking(full) if image.broken else _response(full)

    def exec_create(self, node: str, argv: Sequence[str], stdin: bool = False) -> dict[str, str]:  # noqa: FBT002 - docker's own
        key = f"exec-{len(self._execs)}"
        self._execs[key] = next(candidate for candidate in self.nodes if candidate.id == node), tuple(argv)
        return {"Id": key}

    def exec_start(self, key: str, socket: bool = False) -> Any:  # noqa: FBT002 - docker's own
        node, argv = self._execs[key]
        if not socket:
            self._codes[key], text = node.run(argv, b"")
            return text.encode()
        ours, theirs = _pair()
        threading.Thread(target=self._serve, args=(key, theirs), daemon=True).start()
        return ours

    def exec_inspect(self, key: str) -> dict[str, int | None]:
        return {"ExitCode": self._codes.get(key)}

    def _serve(self, key: str, theirs: socket.socket) -> None:
        node, argv = self._execs[key]
        given = bytearray()
        with theirs, contextlib.suppress(OSError):  # whoever fed it may be gone
            while not node.full and (piece := theirs.recv(65536)):
                given += piece
            self._codes[key], text = node.run(argv, bytes(given))
            output = text.encode()
            theirs.sendall(struct.pack(">BxxxL", 1, len(output)) + output)


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def _stored(name: str) -> str:
    return name if "." in name.partition("/")[0] else f"docker.io/library/{name}"


def _response(body: bytes) -> requests.Response:
    answer = requests.Response()
    answer.status_code = 200
    answer.raw = io.BytesIO(body)
    return answer


class _Breaking(requests.Response):
    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.status_code = 200
        self._half = body[: len(body) // 2]

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:  # noqa: FBT002
        yield self._half
        raise requests.exceptions.ChunkedEncodingError("content digest sha256:5d: not found")

    def close(self) -> None:
        """Nothing is open."""
