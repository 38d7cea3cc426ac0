"""What a program that makes clusters of containers is asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bootstrap.system.clock import CancelToken


class ClusterTool(Protocol):
    """kind or k3d, for one cluster on one network."""

    @property
    def program(self) -> str:
        """Its name."""
        ...

    @property
    def cluster(self) -> str:
        """What it calls the cluster."""
        ...

    @property
    def label(self) -> str:
        """The label, with its value, of every container and volume of the cluster."""
        ...

    @property
    def ready(self) -> Sequence[str]:
        """Deployments of kube-system that it makes and that a cluster is of no use without."""
        ...

    @property
    def machines(self) -> int:
        """How many there are in which pods run."""
        ...

    @property
    def images(self) -> Sequence[str]:
        """Those of its nodes."""
        ...

    @property
    def helpers(self) -> Sequence[str]:
        """Images of what it runs beside the nodes to make them."""
        ...

    @property
    def host(self) -> str | None:
        """The name of this machine that it writes into every node's /etc/hosts; None: it writes none."""
        ...

    @property
    def quickens_names(self) -> bool:
        """Whether the name service of a new cluster needs a more frequent readiness probe."""
        ...

    @property
    def answers_early(self) -> bool:
        """Whether `kubeconfig` and the API server answer before `create` has ended, and stay as they are then."""
        ...

    @property
    def own_file(self) -> Path | None:
        """The user's own configuration; None: there is none."""
        ...

    @property
    def own_ports(self) -> Sequence[int]:
        """Ports of this machine that the user's own configuration asks for."""
        ...

    def configuration(self) -> bytes:
        """What it is given; a cluster that was created from another is not as declared.

        Raises:
            InvalidError: the user's own configuration cannot be used.
        """
        ...

    def fields(self) -> Mapping[str, Any]:
        """The declaration that the configuration comes from, by field of the stack file; see `declared_fields`."""
        ...

    def earlier_configurations(self) -> Sequence[bytes]:
        """Others under which a cluster is as declared: what only makes it faster is not a reason to recreate it."""
        ...

    def accept(self, scratch: Path, cancel: CancelToken) -> None:
        """Return when the program can read the configuration with the user's own in it; creates nothing.

        Raises:
            InvalidError: it cannot; with its words.
        """
        ...

    def create(self, scratch: Path, cancel: CancelToken, names: Mapping[str, str]) -> None:
        """Make the cluster on the network; `scratch` is a folder for what it writes.

        `names`: of its images those that the engine has by another name, or for which another one is used.
        """
        ...

    def add_worker(self, number: int, cancel: CancelToken) -> None:
        """Add the worker of this number, from 0, to the running cluster, and wait until it has joined.

        Raises:
            RefusedError: the program adds no nodes.
        """
        ...

    def worker_name(self, number: int) -> str:
        """The name of the container that `add_worker` creates."""
        ...

    def kubeconfig(self, cancel: CancelToken) -> bytes:
        """The kubeconfig of the cluster, for this machine."""
        ...

    def start(self, cancel: CancelToken) -> bool:
        """Start all of it that is stopped; False: the tool cannot, the engine must be asked for each node."""
        ...
