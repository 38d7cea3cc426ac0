"""A stack as its file declares it, defaults filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class LockWriting(StrEnum):
    """When a chart that is pulled is written into `bootstrap.lock`."""

    NEVER = "never"
    """By verbs that only read."""
    EXISTING = "existing"
    """By `up`: only into an existing file, never into a repository without one."""
    ALWAYS = "always"
    """By `lock`."""


class Provider(StrEnum):
    """The program that creates the cluster. AUTO is resolved before anything is planned."""

    AUTO = "auto"
    KIND = "kind"
    K3D = "k3d"
    KWOK = "kwok"
    EXISTING = "existing"

    @property
    def on_docker(self) -> bool:
        """Whether its nodes are containers of a Docker engine."""
        return self in {Provider.KIND, Provider.K3D}

    @property
    def simulates_pods(self) -> bool:
        """Whether its pods exist only in the API."""
        return self is Provider.KWOK


class Driver(StrEnum):
    """Which AWS emulator. AUTO is resolved before anything is planned."""

    AUTO = "auto"
    MINISTACK = "ministack"
    FLOCI = "floci"
    LOCALSTACK = "localstack"
    MOTO = "moto"


class Placement(StrEnum):
    """Where the emulator runs. AUTO: a process beside kwok, a container beside kind and k3d."""

    AUTO = "auto"
    PROCESS = "process"
    CONTAINER = "container"
    CHART = "chart"
    ENDPOINT = "endpoint"


class Profile(StrEnum):
    """Defaults of a kind or k3d cluster, which the user's own configuration overrides."""

    FAST = "fast"
    """For one developer: no leader election with one control plane, shorter waits of the kubelet."""
    STOCK = "stock"
    """The defaults of the program."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPorts:
    """Ports on 127.0.0.1 that lead to the ingress controller."""

    http: int = 8080
    https: int = 8443


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A folder or file of this machine that is mounted into every node of a kind or k3d cluster."""

    here: Path
    """Absolute."""
    inside: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterSpec:
    """The cluster that a stack declares."""

    provider: Provider = Provider.AUTO
    kubernetes: str = "1.34"
    workers: int = 0
    ports: HostPorts = field(default_factory=HostPorts)
    image: str | None = None
    """The image of the nodes of a kind or k3d cluster, instead of the one for `kubernetes`."""
    config: Path | None = None
    """A native kind or k3d configuration that ours is merged into."""
    profile: Profile = Profile.FAST
    """Of a kind or k3d cluster; `config` overrides it."""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    """Kubernetes' own, of a kind or k3d cluster."""
    mounts: tuple[Mount, ...] = ()
    bake: bool = False
    """Provider `kind`: whether `up` makes a node image that has the stack's images."""
    context: str | None = None
    """Provider `existing`: the name in the user's kubeconfig."""
    uid: str | None = None
    """Provider `existing`: the UID of its kube-system namespace, the proof of its identity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorSpec:
    """The AWS emulator that a stack declares."""

    driver: Driver = Driver.AUTO
    placement: Placement = Placement.AUTO
    release: str = "auto"
    """The HelmRelease it stands for, NAMESPACE/NAME; auto: the only one whose chart is `localstack`."""
    region: str = "us-east-1"
    port: int = 0
    """On 127.0.0.1; 0: 4566 if it is free, else any free port, which is remembered."""
    first_port: int = 4566
    """Tried first if no port is declared; 0: any, because several stacks brought up at once would all find it free."""
    image: str | None = None
    endpoint: str | None = None
    """Placement `endpoint`: its URL."""
    persist: bool = True
    """Whether its data survive a stop."""
    docker_socket: bool = False
    """Placement `container`: whether LocalStack is given the Docker socket, which running functions needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSpec:
    """A Flux repository on disk."""

    root: Path
    """Absolute; the paths of Flux Kustomizations are relative to it."""
    path: str
    """The entry, relative to root, such as `clusters/stages/dev`."""
    substitute: Mapping[str, str] = field(default_factory=dict)
    """Values for `${name}`, over those of the repository."""
    strict_substitution: bool = True
    """As Flux 2.9 and newer: a variable without value or default is an error. False: it becomes empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSpec:
    """An image that the stack builds itself."""

    name: str
    """Its name in manifests, such as `web` or `registry.example.com/team/web`."""
    context: Path
    """Absolute."""
    dockerfile: Path
    """Absolute."""
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    """Empty: the engine's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltImage:
    """An image of the stack, and its reference for the present content of its files."""

    spec: ImageSpec
    reference: str
    """`web:bootstrap-DIGEST`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """One platform: a cluster, an emulator with seeds, and the charts of a repository."""

    name: str
    file: Path | None
    """None: made from `--repo`."""
    project: Path
    """Absolute; the folder whose path, with the name, identifies the stack on this machine."""
    instance: str = ""
    """`--name`: which of several of this stack in this project; empty: the one without a name."""
    cluster: ClusterSpec = field(default_factory=ClusterSpec)
    emulator: EmulatorSpec | None = field(default_factory=EmulatorSpec)
    seeds: tuple[Path, ...] = ()
    """Absolute files and folders."""
    source: SourceSpec | None = None
    images: tuple[ImageSpec, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """`--var`: for `${name}` in fixtures and, over `source.substitute`, in manifests."""
    snapshot_after_up: bool = False
    """Whether `up` saves the snapshot `after-up` when it ends well."""
    mirrors: Mapping[str, str] = field(default_factory=dict)
    """Prefix of a chart repository's address, or of an image's full name → the prefix asked instead."""

    @property
    def typed(self) -> str:
        """The argument that selects this stack after a verb."""
        return f"{self.name} --name {self.instance}" if self.instance else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredValue:
    """One value of a stack or of the settings, and its origin."""

    path: str
    """`cluster.image`."""
    value: Any
    origin: str
    """`stacks/dev.yaml:14`, `--set`, `BOOTSTRAP_SET_cluster__provider` or `default`."""

    @property
    def is_variable(self) -> bool:
        """Whether it is one of the stack's variables, whose values may be secrets."""
        return self.path.startswith("variables.")

    @property
    def is_from_call(self) -> bool:
        """Whether it came from a flag or the environment instead of a file."""
        return self.origin.startswith(("--", "BOOTSTRAP_"))


@dataclass(frozen=True, kw_only=True, slots=True)
class StatePaths:
    """The state folder of a stack (0700; every file 0600)."""

    folder: Path

    @property
    def kubeconfig(self) -> Path:
        """The stack's own kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def journal(self) -> Path:
        """The journal of runs, as JSON lines."""
        return self.folder / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """Held while a run changes the stack."""
        return self.folder / "lock"

    @property
    def provider(self) -> Path:
        """The file with the name of the stack's provider."""
        return self.folder / "provider"

    @property
    def remembered(self) -> Path:
        """The stack as it was brought up last; enough to remove it."""
        return self.folder / "stack.json"

    @property
    def variables(self) -> Path:
        """The values of its variables at that time, which may be secrets."""
        return self.folder / "variables.json"

    @property
    def lease(self) -> Path:
        """The expiry of the stack; absent: it never expires."""
        return self.folder / "lease.json"

    @property
    def logs(self) -> Path:
        """Full logs of runs and of long-running programs."""
        return self.folder / "logs"

    @property
    def cluster(self) -> Path:
        """What the cluster provider keeps."""
        return self.folder / "cluster"

    @property
    def emulator(self) -> Path:
        """What the emulator keeps."""
        return self.folder / "emulator"

    @property
    def seeds(self) -> Path:
        """Generated secrets."""
        return self.folder / "seeds"

    @property
    def snapshots(self) -> Path:
        """A folder for each snapshot."""
        return self.folder / "snapshots"

    @property
    def ui(self) -> Path:
        """Where the pages of `bootstrap ui` are served now, with the token."""
        return self.folder / "ui.json"

    @property
    def unfinished(self) -> Path:
        """There while a snapshot is saved or restored; what is left of a killed one."""
        return self.folder / "unfinished.json"
