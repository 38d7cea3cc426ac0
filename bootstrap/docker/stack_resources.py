"""What a stack has on the Docker engine: a labelled network first, and all that is on it."""

import contextlib
import secrets
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bootstrap.docker.engine import connect, engine_address, far_host
from bootstrap.docker.labels import LONGEST, engine_name, labelled_stacks
from bootstrap.docker.network import create_network, refuse_without_ipv6
from bootstrap.errors import RefusedError
from bootstrap.model.labels import EXPIRES_LABEL, OWNER_LABEL, STACK_LABEL
from bootstrap.model.lease import LabelledStack, Lease
from bootstrap.model.stack import StatePaths
from bootstrap.state.lease import read_lease
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container
    from docker.models.networks import Network

_ANSWER_SECONDS = 60.0
"""A busy engine takes its time to start or remove a container."""
_LOOKS, _LOOK_AGAIN_SECONDS = 4, 0.5
"""What an engine was asked for by a run that was killed is there soon, or never."""
_MAKING = threading.Lock()


class StackOnDocker:
    """Names, labels and the network of one stack; a new connection for each `open`."""

    def __init__(
        self,
        state: StatePaths,
        environment: Mapping[str, str],
        *,
        ipv6: bool = False,
        mirrors: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._state = state
        self._ipv6 = ipv6
        """Whether its network has addresses of IPv6 too."""
        self.environment = environment
        """The user's."""
        self.mirrors = mirrors
        """Of images: see `images.pull`."""
        self._is_proven = False

    @property
    def name(self) -> str:
        """Begins every name of this stack on the engine; short enough for a host name that ends in a role."""
        return self.name_within(LONGEST)

    def name_within(self, limit: int) -> str:
        """The same in so many characters; what is cut off stays in it as a digest."""
        return engine_name(self._state.folder.name, limit)

    @contextmanager
    def open(self) -> Iterator["DockerClient"]:
        """A client of the engine.

        Raises:
            RefusedError: no engine answers, or it refuses; with its answer.
        """
        with opened_engine(self.environment) as client:
            self._prove(client)
            yield client

    def _prove(self, client: "DockerClient") -> None:
        """Return unless the stack is on an engine at another address, and this one holds nothing of it."""
        file, here = self._state.folder / "engine", engine_address(self.environment)
        remembered = file.read_text().strip() if not self._is_proven and file.exists() else here
        if remembered != here and not any(
            self.is_ours({OWNER_LABEL: owned.owner}) for owned in labelled_stacks(client)
        ):
            raise RefusedError(
                f"stack {self._state.folder.name} is on another Docker engine, {remembered}; {here} has nothing of it",
                fix=f"point DOCKER_HOST or the docker context to it; if that engine no longer exists: rm -r "
                f"{shlex.quote(str(self._state.folder))}",
            )
        self._is_proven = True

    def labels(self) -> dict[str, str]:
        """The labels of everything that is created for this stack; chooses its id if there is none yet."""
        return {STACK_LABEL: self._state.folder.name, OWNER_LABEL: self._nonce(create=True)}

    def is_ours(self, labels: Mapping[str, str] | None) -> bool:
        """Whether what carries these labels was created for this very stack, by the owner of this state folder."""
        nonce = self._nonce(create=False)
        return bool(nonce) and (labels or {}).get(OWNER_LABEL) == nonce

    @property
    def lease(self) -> Lease | None:
        """The stack's lease; None: it does not expire."""
        return read_lease(self._state)

    def owned(self) -> LabelledStack | None:
        """The label that everything of this stack carries; None: nothing was created yet."""
        nonce = self._nonce(create=False)
        return LabelledStack(stack=self._state.folder.name, owner=nonce) if nonce else None

    def network(self, client: "DockerClient") -> "Network | None":
        """The stack's network; None when there is none.

        Raises:
            RefusedError: there is one of its name that we did not create.
        """
        return next(iter(self._networks(client)), None)

    def _networks(self, client: "DockerClient") -> "Sequence[Network]":
        """Those of its name, which an engine may have several of; the oldest first. Raises as `network`."""
        networks = [candidate for candidate in client.networks.list(names=[self.name]) if candidate.name == self.name]
        foreign = [candidate for candidate in networks if not self.is_ours(_labels(candidate.attrs))]
        if foreign:
            raise RefusedError(
                f"the Docker network {self.name} was not created by this stack",
                evidence=[f"{candidate.short_id}: labels {_labels(candidate.attrs)}" for candidate in foreign],
                fix=f"give this stack its own name: --name N; or, if nobody needs it: {self._removal(foreign[0])}",
            )
        return sorted(networks, key=_age)

    def _removal(self, network: "Network") -> str:
        """The commands that remove a network of our name, and what carries its label: its state folder was deleted."""
        owner = _labels(network.attrs).get(OWNER_LABEL)
        alone = f"docker network rm {self.name}"
        if not owner:
            return alone
        on_it = f"$(docker ps -aq --filter network={self.name})"
        return f"docker rm -fv {on_it}; {alone}; docker volume prune -a --filter label={OWNER_LABEL}={owner}"

    def refuse_far(self) -> None:
        """Return if the engine is on this machine.

        Raises:
            RefusedError: it is on another one, whose published ports cannot be reached from here.
        """
        if (host := far_host(self.environment)) is not None:
            raise RefusedError(
                f"the Docker engine is on {host}: its ports on 127.0.0.1 cannot be reached from this machine",
                fix="use an engine of this machine (unset DOCKER_HOST, or docker context use default), run bootstrap on"
                f" {host}, or use the cluster without Docker: --provider kwok",
            )

    def ensure_network(self, client: "DockerClient") -> "Network":
        """The stack's network, created if there is none: its label exists before anything else does."""
        # Cluster and emulator start at once, and an engine makes a second network of the same name without a word.
        with _MAKING:
            if not self._networks(client):
                self._made(client)
            # An engine carries out what a run asked for that was killed meanwhile; and of two, nothing can join either.
            kept, *others = self._networks(client)
            for other in others:
                _remove(other)
            write_whole(self._is_made(), f"{kept.id}\n".encode())
            if self._ipv6:
                refuse_without_ipv6(kept)
            return kept

    def _made(self, client: "DockerClient") -> None:
        self.refuse_far()
        expires = {} if self.lease is None else {EXPIRES_LABEL: self.lease.expires.isoformat()}
        write_whole(self._state.folder / "engine", f"{engine_address(self.environment)}\n".encode())
        self._is_made().unlink(missing_ok=True)
        create_network(client, self.name, {**self.labels(), **expires}, ipv6=self._ipv6)

    def remove_network(self, client: "DockerClient", cancel: CancelToken) -> None:
        """Remove it once nothing of anybody is on it; passes if it is gone, or another run is removing it.

        Raises:
            RefusedError: there is one of its name that we did not create.
        """
        # Asked for by a run that was killed before it had the answer: the engine may be about to create it.
        began = (self._state.folder / "engine").exists() and not self._is_made().exists()
        looks = _LOOKS if began else 1
        for look in range(looks):
            if look:
                cancel.sleep(_LOOK_AGAIN_SECONDS)
            with _MAKING:
                for candidate in self._networks(client):
                    _remove(candidate, unless_used=True)

    def _is_made(self) -> Path:
        """There once a run has seen the network that it, or one before it, asked for."""
        return self._state.folder / "network"

    def adopt_network(self, client: "DockerClient") -> None:
        """Adopt this stack's network after its state folder was lost; passes if there is none.

        Raises:
            RefusedError: there is one of its name that was created for something else.
        """
        for candidate in client.networks.list(names=[self.name]):
            labels = _labels(candidate.attrs)
            if candidate.name != self.name or self.is_ours(labels):
                continue
            if labels.get(STACK_LABEL) != self._state.folder.name or OWNER_LABEL not in labels:
                raise RefusedError(
                    f"the Docker network {self.name} was not created for a stack of this name",
                    evidence=[f"{candidate.short_id}: labels {labels}"],
                    fix=f"remove it if nobody needs it: docker network rm {self.name}",
                )
            write_whole(self._file(), f"{labels[OWNER_LABEL]}\n".encode())

    def stop_all(self, work: Work) -> None:
        """Stop every container on the stack's network; what is in them stays.

        Raises:
            RefusedError: the network of this name is not ours.
        """
        with self.open() as client:
            network = self.network(client)
            containers = [] if network is None else client.containers.list(filters={"network": self.name})
            for container in containers:
                work.cancel.check()
                work.notify(f"stopping {container.name}")
                container.stop()

    def has_lost_network(self, container: "Container") -> bool:
        """Whether the network that the container joined is gone, even if there is another of its name by now."""
        joined = str((container.attrs["NetworkSettings"]["Networks"].get(self.name) or {}).get("NetworkID") or "")
        assert container.client is not None  # noqa: S101 - one that came from an engine has it
        network = self.network(container.client)
        return network is None or joined not in {"", network.id}

    def is_on_network(self, container: "Container") -> bool:
        """Whether the container is attached to the network of this name; the network itself is proven by `network`."""
        return self.name in container.attrs["NetworkSettings"]["Networks"]

    def _nonce(self, *, create: bool) -> str:
        file = self._file()
        if file.exists():
            return file.read_text().strip()
        if not create:
            return ""
        nonce = secrets.token_hex(16)
        write_whole(file, f"{nonce}\n".encode())
        return nonce

    def _file(self) -> Path:
        return self._state.folder / "owner"


@contextmanager
def opened_engine(environment: Mapping[str, str]) -> Iterator["DockerClient"]:
    """A client of the engine that the environment names.

    Raises:
        RefusedError: no engine answers, or it refuses; with its answer.
    """
    from docker.errors import DockerException  # noqa: PLC0415 - loads slowly
    from requests import RequestException  # noqa: PLC0415 - what docker lets through when the engine goes away

    try:
        client = connect(environment, seconds=_ANSWER_SECONDS)
    except OSError as error:
        raise _silent(environment, error) from error
    except DockerException as error:
        raise refused(error) from error
    try:
        yield client
    except (DockerException, RequestException) as error:
        raise refused(error) from error
    finally:
        client.close()


def _silent(environment: Mapping[str, str], error: OSError) -> RefusedError:
    return RefusedError(
        f"no Docker engine answers at {engine_address(environment)}: {error.strerror or error}",
        fix="start Docker, then run the same command again (bootstrap doctor says what is wrong with it)",
    )


def refused(error: Exception) -> RefusedError:
    """The engine's own words as an error of ours."""
    message = str(getattr(error, "explanation", None) or error)
    return RefusedError("the Docker engine cannot be used", evidence=message.splitlines(), fix="run: bootstrap doctor")


def _age(network: "Network") -> str:
    """The oldest first; the engine writes times in one form."""
    return str(network.attrs.get("Created", ""))


def _remove(network: "Network", *, unless_used: bool = False) -> None:
    from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

    with contextlib.suppress(NotFound):  # another run is removing it
        network.reload()
        if not (unless_used and network.attrs.get("Containers")):
            network.remove()


def _labels(attrs: Mapping[str, Any]) -> Mapping[str, str]:
    return attrs.get("Labels") or {}
