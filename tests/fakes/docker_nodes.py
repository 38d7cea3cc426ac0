"""A Docker engine in memory, as far as clusters and emulators of containers ask it; every removal is noted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import requests
from docker import DockerClient
from docker.errors import ImageNotFound, NotFound

from bootstrap.docker.stack_resources import StackOnDocker

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class FakeContainer:
    """One container."""

    engine: "FakeEngine"
    id: str
    name: str
    labels: dict[str, str] = field(default_factory=dict)
    network: str = ""
    network_id: str = ""
    status: str = "running"
    exit_code: int = 0
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def client(self) -> "FakeEngine":
        return self.engine

    @property
    def attrs(self) -> Mapping[str, Any]:
        joined = {self.network: {"NetworkID": self.network_id}} if self.network else {}
        bindings = {inside: [{"HostPort": str(outside)}] for inside, outside in self.ports.items()}
        return {
            "NetworkSettings": {"Networks": joined},
            "HostConfig": {"NetworkMode": self.network, "PortBindings": bindings},
            "State": {"StartedAt": BEGAN.isoformat().replace("+00:00", "Z"), "ExitCode": self.exit_code},
        }

    def reload(self) -> None:
        """It is as it is."""

    def start(self) -> None:
        self.engine.asked.append(f"start {self.name}")
        self.status = "running"

    def remove(self, *, v: bool, force: bool) -> None:
        assert v, "its anonymous volumes are ours too"
        assert force, "it may run"
        self.engine.asked.append(f"remove {self.name}")
        del self.engine.boxes[self.name]

    def logs(self, *, tail: int) -> bytes:
        del tail
        return b""


@dataclass
class FakeNetwork:
    """The stack's network."""

    engine: "FakeEngine"
    name: str
    labels: dict[str, str]
    id: str

    @property
    def short_id(self) -> str:
        return self.id

    @property
    def attrs(self) -> Mapping[str, Any]:
        return {"Labels": self.labels, "Created": "1"}

    def connect(self, container: FakeContainer, **_given: object) -> None:
        self.engine.asked.append(f"connect {container.name}")
        container.network, container.network_id = self.name, self.id


@dataclass
class FakeEngine:
    """What the docker library's client is asked."""

    boxes: dict[str, FakeContainer] = field(default_factory=dict)
    nets: dict[str, FakeNetwork] = field(default_factory=dict)
    known_keys: set[str] = field(default_factory=set)
    """Images."""
    asked: list[str] = field(default_factory=list)
    """All that was changed."""
    created: int = 0
    """Networks, each with an id of its own."""

    def run(
        self, name: str, *, network: str, labels: dict[str, str], ports: dict[str, int] | None = None
    ) -> FakeContainer:
        container = FakeContainer(engine=self, id=f"{name} id", name=name, labels=labels, ports=ports or {})
        self.nets[network].connect(container)
        self.boxes[name] = container
        return container

    @property
    def containers(self) -> "Containers":
        return Containers(self)

    @property
    def networks(self) -> "Networks":
        return Networks(self)

    @property
    def volumes(self) -> "Volumes":
        return Volumes(self)

    @property
    def images(self) -> "Images":
        return Images(self)

    @property
    def api(self) -> "Api":
        return Api(self)

    def info(self) -> Mapping[str, Any]:
        return {"DockerRootDir": "/nowhere on this machine"}


@dataclass
class Containers:
    engine: FakeEngine

    def list(self, **given: Any) -> list[FakeContainer]:
        label = (given.get("filters") or {}).get("label", "")
        name, _, value = label.partition("=")
        return [
            fake_container
            for fake_container in self.engine.boxes.values()
            if not name or fake_container.labels.get(name) == value
        ]

    def get(self, name: str) -> FakeContainer:
        if name not in self.engine.boxes:
            raise NotFound(name, response=_missing())
        return self.engine.boxes[name]


@dataclass
class Networks:
    engine: FakeEngine

    def list(self, *, names: list[str]) -> list[FakeNetwork]:
        return [net for net in self.engine.nets.values() if net.name in names]

    def create(self, name: str, *, driver: str, labels: dict[str, str], **_given: object) -> None:
        assert driver == "bridge"
        self.engine.asked.append(f"network {name}")
        self.engine.created += 1
        self.engine.nets[name] = FakeNetwork(self.engine, name, labels, id=f"network {self.engine.created}")


@dataclass
class Volumes:
    engine: FakeEngine

    def list(self, **_given: Any) -> list[Any]:
        return []


@dataclass
class Images:
    engine: FakeEngine

    def get(self, image: str) -> str:
        if image not in self.engine.known_keys:
            raise ImageNotFound(image, response=_missing())
        return image


@dataclass
class Api:
    engine: FakeEngine

    def pull(self, repository: str, *, tag: str, **_given: object) -> Iterator[Mapping[str, str]]:
        yield {"error": f"no {repository}:{tag} anywhere"}

    def disconnect_container_from_network(self, container: str, network: str, *, force: bool) -> None:
        assert force, "the network that it was on is gone"
        self.engine.asked.append(f"disconnect {container} from {network}")
        next(
            fake_container for fake_container in self.engine.boxes.values() if fake_container.id == container
        ).network = ""


class FakeStackOnDocker(StackOnDocker):
    """What a stack has on that engine."""

    engine: FakeEngine

    @contextmanager
    def open(self) -> Iterator[DockerClient]:
        yield cast("DockerClient", self.engine)


def _missing() -> requests.Response:
    answer = requests.Response()
    answer.status_code = 404
    return answer
