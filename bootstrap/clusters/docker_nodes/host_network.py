"""What nodes need of the network that this machine is in: its certificate authorities, and a proxy that they reach."""

import ipaddress
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bootstrap.errors import RefusedError
from bootstrap.system.files import private_folder

_AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""The variables that name a company's own certificate authorities to programs."""
_INSIDE = "/etc/ssl/certs/bootstrap-{}.pem"
"""containerd reads every file of this folder."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY")
_DIRECT = ("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local", ".internal")
"""What is never asked for through a proxy; kind adds the addresses and names of its nodes, pods and services."""


def authorities(environment: Mapping[str, str], folder: Path) -> Sequence[tuple[Path, str]]:
    """Copies of this machine's certificate authorities, and where they go in each node.

    Copies, as a node cannot be started again without what it was given.
    """
    if environment.get("DOCKER_HOST", "unix://").partition("://")[0] not in {"unix", "npipe"}:
        return ()  # the engine of another machine sees none of this one's files
    named = (Path(environment[name]) for name in _AUTHORITIES if environment.get(name))
    files = {file.resolve() for file in named if file.is_file()}
    copies = []
    for number, file in enumerate(sorted(files)):
        copy = private_folder(folder) / f"authorities-{number}.pem"
        shutil.copyfile(file, copy)
        copies.append((copy, _INSIDE.format(number)))
    return copies


def node_proxies(
    environment: Mapping[str, str], gateway: Callable[[], str], is_reachable: Callable[[int], bool]
) -> dict[str, str]:
    """The proxy variables for nodes: one of this machine's loopback goes by the `gateway` of their network.

    `is_reachable` is whether what listens on a port does so for containers too.

    Raises:
        RefusedError: a proxy listens on the loopback alone.
    """
    given = {name: environment.get(name) or environment.get(name.lower()) or "" for name in _PROXIES}
    proxies = {name: _reached(name, value, gateway, is_reachable) for name, value in given.items() if value}
    if not proxies:
        return {}
    direct = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    names = dict.fromkeys([*(part.strip() for part in direct.split(",") if part.strip()), *_DIRECT])
    proxies["NO_PROXY"] = ",".join(names)
    return proxies | {name.lower(): value for name, value in proxies.items()}


def _reached(name: str, value: str, gateway: Callable[[], str], is_reachable: Callable[[int], bool]) -> str:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    if not _is_loopback(parts.hostname or ""):
        return value
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not is_reachable(port):
        raise RefusedError(
            f"{name}={_shown(value)} is a proxy on this machine's loopback address, which nodes cannot reach",
            fix=f"let it listen on 0.0.0.0:{port}; or unset {name}: images are pulled through the Docker engine anyway",
        )
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{gateway()}:{port}"))


def _shown(value: str) -> str:
    """Without a password."""
    return value.rpartition("@")[2]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
