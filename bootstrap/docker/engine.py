"""Reaches the Docker engine that the user's docker command would reach."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.context import Context

_SOCKETS = (Path("/var/run/docker.sock"), Path("/run/docker.sock"))
_SECONDS = 5
_DEFAULT_CONTEXT = "docker context use default"


def engine_answers(environment: Mapping[str, str]) -> bool:
    """Whether an engine answers; at once if nothing points at one."""
    if not is_pointed_at(environment):
        return False
    from docker.errors import DockerException  # noqa: PLC0415 - loads slowly

    try:
        client = connect(environment)
    except (DockerException, OSError):
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def connect(environment: Mapping[str, str], *, seconds: float = _SECONDS) -> "DockerClient":
    """A client of the engine that DOCKER_HOST, else the current docker context, names; it has not been asked yet.

    Raises:
        docker.errors.DockerException: the address or its certificates cannot be used.
        OSError: it is a socket of this machine that nobody listens on, or that may not be opened.
    """
    from docker import DockerClient  # noqa: PLC0415 - loads slowly

    if environment.get("DOCKER_HOST"):
        _knock(environment["DOCKER_HOST"])
        return DockerClient.from_env(timeout=int(seconds), environment=dict(environment))
    current = _context(environment)
    _knock(str(current.Host))
    return DockerClient(base_url=current.Host, tls=current.TLSConfig, timeout=int(seconds))


def engine_address(environment: Mapping[str, str]) -> str:
    """Where that engine is.

    Raises:
        docker.errors.DockerException: the context is not there.
    """
    return (environment.get("DOCKER_HOST") or str(_context(environment).Host)).removeprefix("http+")


def far_host(environment: Mapping[str, str]) -> str | None:
    """The machine of the engine if it is not this one: what it publishes on its own loopback is not here."""
    address = urlsplit(engine_address(environment))
    host = address.hostname or ""
    if address.scheme == "ssh":
        return host
    if address.scheme not in {"tcp", "http", "https"}:
        return None
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return None if any(_is_own(family, where) for family, _, _, _, where in found) else host


def _is_own(family: int, where: tuple[Any, ...]) -> bool:
    """Whether this machine has the address."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((where[0], 0))
        except OSError:
            return False
    return True


def _context(environment: Mapping[str, str]) -> "Context":
    from docker import ContextAPI  # noqa: PLC0415 - loads slowly
    from docker.errors import ContextNotFound  # noqa: PLC0415

    # The library itself knows the current context alone, and gives nothing for one that is not there.
    context = ContextAPI.get_context(environment.get("DOCKER_CONTEXT") or None)
    if context is None:
        raise ContextNotFound(environment.get("DOCKER_CONTEXT") or "the current one")
    return context


def is_pointed_at(environment: Mapping[str, str]) -> bool:
    """Whether anything on this machine names an engine."""
    home = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    return bool(
        environment.get("DOCKER_HOST")
        or environment.get("DOCKER_CONTEXT")
        or (home / "contexts").is_dir()
        or any(file.exists() for file in _SOCKETS)
    )


def named_elsewhere(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """What names another engine than this machine's own, and how to leave it; None: nothing does."""
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if environment.get(variable):
            return _elsewhere(f"{variable}={environment[variable]}", environment, f"unset {variable}")
    from docker.context.config import get_current_context_name  # noqa: PLC0415 - loads slowly

    name = get_current_context_name()
    return None if name == "default" else _elsewhere(f"the docker context {name}", environment, _DEFAULT_CONTEXT)


def _elsewhere(subject: str, environment: Mapping[str, str], leave: str) -> tuple[str, str]:
    if _address_or_nothing(environment).startswith("ssh://"):
        return (
            f"{subject} connects over ssh to the engine of another machine, whose ports cannot be reached from here",
            f"run bootstrap on that machine, or use the local engine: {leave}",
        )
    return (
        f"{subject} points to an engine that does not answer",
        f"{'start' if leave == _DEFAULT_CONTEXT else 'correct'} it, or: {leave}",
    )


def _address_or_nothing(environment: Mapping[str, str]) -> str:
    from docker.errors import DockerException  # noqa: PLC0415 - loads slowly

    try:
        return engine_address(environment)
    except (DockerException, OSError):
        return ""


def _knock(address: str) -> None:
    """Raise OSError if a socket file has nobody behind it: the library would leave its own end of it open."""
    scheme, _, path = address.partition("://")
    if not scheme.endswith("unix"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(_SECONDS)
        knocking.connect(path)
