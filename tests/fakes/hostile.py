"""Surroundings that lead a program astray: kubeconfigs and variables of a user, generated, all leading to a decoy."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fakes.decoy import Decoy, Seen

DECOY_UID = "00000000-0000-4000-8000-00000000dec0"
READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """One generated case."""

    number: int
    files: str
    """How the user's kubeconfig lies."""
    variables: str
    """What else the environment says."""
    verb: str

    def __str__(self) -> str:
        """The test's id."""
        return f"{self.number}-{self.verb}-{self.files}-{self.variables}".replace(" ", "_")


def agreeing(seen: Seen) -> bytes:
    """An answer that lets everybody go on: an API server, a Docker engine, an emulator, whatever is asked for."""
    path = seen.path.partition("?")[0]
    if path.endswith("/namespaces/kube-system"):
        answer: Any = {"metadata": {"name": "kube-system", "uid": DECOY_UID}}
    elif path.endswith("/version"):
        answer = {"Version": "29.0.0", "ApiVersion": "1.47", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}
    elif path.endswith("/_ping"):
        return _http(b"OK", "text/plain")
    elif path.endswith("/volumes"):
        answer = {"Volumes": []}
    elif path.endswith(("/json", "/networks")):
        answer = []
    else:
        answer = {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": [], "resources": []}
    return _http(json.dumps(answer).encode(), "application/json")


def writes(decoy: Decoy) -> list[str]:
    """All that the decoy was asked which could have changed anything."""
    return [
        f"{request.method} {request.path}"
        for request in decoy.seen
        if request.method not in READS and not request.harmless
    ]


def kubeconfig(address: str, *names: str, current: str = "decoy") -> dict[str, Any]:
    """Contexts of these names that all lead to the address."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": name, "cluster": {"server": address}} for name in names],
        "users": [{"name": name, "user": {"token": "t"}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
    }


@dataclass(frozen=True, kw_only=True)
class Astray:
    """Makes surroundings in a folder of its own."""

    folder: Path
    decoy: str
    """Its address."""
    names: Sequence[str]
    """Contexts that somebody could mistake for the one that is meant."""

    @property
    def files(self) -> Mapping[str, Callable[[], str]]:
        """Each way in which a user's kubeconfig can lie: its KUBECONFIG; empty: only ~/.kube/config."""
        return {
            "current context": lambda: self._write("a", kubeconfig(self.decoy, "decoy")),
            "our names": lambda: self._write("b", kubeconfig(self.decoy, *self.names, current=self.names[0])),
            "same name twice": self._twice,
            "in home": self._in_home,
            "a list": lambda: ":".join(("", "/nowhere", self._write("c", kubeconfig(self.decoy, "decoy")), "", "x/y")),
            "ours last in a list": self._last,
            "a broken one first": lambda: f"{self._text('d', '[')}:{self._write('e', kubeconfig(self.decoy, 'decoy'))}",
            "a folder": lambda: str(self.folder),
            "empty": lambda: self._text("f", ""),
            "a program": self._with_program,
            "a proxy": self._with_proxy,
            "a link": self._link,
        }

    @property
    def variables(self) -> Mapping[str, Mapping[str, str]]:
        """What else can lead astray."""
        host = self.decoy.removeprefix("http://")
        name, _, port = host.partition(":")
        return {
            "nothing": {},
            "helm": {
                "HELM_KUBEAPISERVER": self.decoy,
                "HELM_KUBECONTEXT": "decoy",
                "HELM_KUBETOKEN": "t",
                "HELM_NAMESPACE": "theirs",
                "HELM_DRIVER": "configmap",
                "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": "true",
            },
            "in a cluster": {
                "KUBERNETES_SERVICE_HOST": name,
                "KUBERNETES_SERVICE_PORT": port,
                "KUBERNETES_MASTER": self.decoy,
            },
            "proxies": {
                variable: self.decoy
                for base in ("http_proxy", "https_proxy", "all_proxy")
                for variable in (base, base.upper())
            },
            "aws": {
                "AWS_ENDPOINT_URL": self.decoy,
                "AWS_ENDPOINT_URL_S3": self.decoy,
                "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.decoy,
                "AWS_PROFILE": "theirs",
                "AWS_CONFIG_FILE": self._text("aws", f"[profile theirs]\nendpoint_url = {self.decoy}\n"),
                "AWS_ACCESS_KEY_ID": "AKIATHEIRS",
                "AWS_SECRET_ACCESS_KEY": "theirs",
            },
            "kind": {
                "KIND_EXPERIMENTAL_DOCKER_NETWORK": "theirs",
                "KIND_EXPERIMENTAL_PROVIDER": "podman",
                "KIND_CLUSTER_NAME": "theirs",
                "K3D_FIX_DNS": "1",
            },
        }

    @property
    def engines(self) -> Mapping[str, Mapping[str, str]]:
        """What leads to another Docker engine than the one that a stack lives on."""
        host = self.decoy.removeprefix("http://")
        return {
            "DOCKER_HOST": {"DOCKER_HOST": f"tcp://{host}"},
            "DOCKER_CONTEXT": {"DOCKER_CONTEXT": "theirs", "DOCKER_CONFIG": self._docker_config(host)},
            "current context": {"DOCKER_CONFIG": self._docker_config(host, current="theirs")},
            "no such context": {"DOCKER_CONTEXT": "nowhere"},
            "no such socket": {"DOCKER_HOST": "unix:///nowhere.sock"},
        }

    def _write(self, name: str, document: Mapping[str, Any]) -> str:
        return self._text(name, yaml.safe_dump(dict(document)))

    def _text(self, name: str, text: str) -> str:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return str(file)

    def _twice(self) -> str:
        first, second = (kubeconfig(self.decoy, *self.names) for _ in range(2))
        for section in ("clusters", "users", "contexts"):
            first[section] += second[section]
        return self._write("g", first)

    def _in_home(self) -> str:
        self._write("home/.kube/config", kubeconfig(self.decoy, *self.names, "decoy"))
        return ""

    def _last(self) -> str:
        first = self._write("h", kubeconfig(self.decoy, "decoy"))
        return f"{first}:{self._write('i', kubeconfig(self.decoy, *self.names))}"

    def _with_program(self) -> str:
        document = kubeconfig(self.decoy, *self.names, "decoy")
        command = ["/bin/sh", "-c", f"touch {self.ran}; echo '{{}}'"]
        for user in document["users"]:
            plugin = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
            user["user"] = {"exec": {**plugin, "command": command[0], "args": command[1:]}}
        return self._write("j", document)

    def _with_proxy(self) -> str:
        document = kubeconfig("https://127.0.0.1:9", *self.names, "decoy")
        for cluster in document["clusters"]:
            cluster["cluster"]["proxy-url"] = self.decoy
        return self._write("k", document)

    def _link(self) -> str:
        link = self.folder / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(self._write("l", kubeconfig(self.decoy, *self.names, "decoy")))
        return str(link)

    @property
    def ran(self) -> Path:
        """Is there once a program of the user's kubeconfig was run."""
        return self.folder / "a program ran".replace(" ", "-")

    def _docker_config(self, host: str, current: str = "default") -> str:
        folder = self.folder / f"docker-{current}"
        meta = folder / "contexts" / "meta" / hashlib.sha256(b"theirs").hexdigest()
        meta.mkdir(parents=True, exist_ok=True)
        endpoint = {"Host": f"tcp://{host}", "SkipTLSVerify": False}
        (meta / "meta.json").write_text(
            json.dumps({"Name": "theirs", "Metadata": {}, "Endpoints": {"docker": endpoint}})
        )
        (folder / "config.json").write_text(json.dumps({"currentContext": current}))
        return str(folder)


def cases(
    count: int, seed: int, *, files: Sequence[str], variables: Sequence[str], verbs: Sequence[str]
) -> list[Surroundings]:
    """So many, each way at least once; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - which cases, the same ones every time
    return [
        Surroundings(number=number, files=first, variables=two, verb=three)
        for number, (first, two, three) in enumerate(
            zip(
                *(_spread(words, count, chance) for words in (files, variables, verbs)),
                strict=True,
            )
        )
    ]


def _spread(words: Sequence[str], count: int, chance: random.Random) -> Iterator[str]:
    chosen = [words[number % len(words)] for number in range(count)]
    chance.shuffle(chosen)
    yield from chosen


def _http(body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Api-Version: 1.47\r\nConnection: close\r\n\r\n".encode() + body
