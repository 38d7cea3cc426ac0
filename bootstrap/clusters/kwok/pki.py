"""The files by which the components and the user trust each other."""

import base64
import shutil
from pathlib import Path

import yaml

from bootstrap.clusters.kwok.components import KUBERNETES_SERVICE, Component
from bootstrap.system.clock import Clock
from bootstrap.system.files import private_folder, write_whole

ADMIN = "admin"
CLIENTS = (ADMIN, Component.CONTROLLERS, Component.SCHEDULER, Component.KWOK)
_GROUP = "system:masters"
"""For all of them: whoever can read one of these keys can read them all."""
_SERVICE = "kubernetes"
_NAMES = (
    "localhost",
    *(f"{_SERVICE}{rest}" for rest in ("", ".default", ".default.svc", ".default.svc.cluster.local")),
)


def make_pki(folder: Path, clock: Clock) -> None:
    """Make the keys, unless they are there; the folder appears whole or not at all."""
    if folder.is_dir():
        return
    unfinished = folder.with_name(f"{folder.name}.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    private_folder(unfinished)
    for name, content in _files(clock).items():
        write_whole(unfinished / name, content)
    unfinished.rename(folder)


def _files(clock: Clock) -> dict[str, bytes]:
    from bootstrap.clusters.kwok.certificates import Authority, signing_pair  # noqa: PLC0415 - slow to load

    authority = Authority(clock.now())
    pairs = {client: authority.client(f"bootstrap:{client}", _GROUP) for client in CLIENTS}
    pairs[Component.API_SERVER] = authority.server("kube-apiserver", _NAMES, ("127.0.0.1", KUBERNETES_SERVICE))
    tokens = signing_pair()
    return {
        "ca.crt": authority.certificate,
        **{f"{name}.crt": pair.public for name, pair in pairs.items()},
        **{f"{name}.key": pair.key for name, pair in pairs.items()},
        "service-accounts.key": tokens.key,
        "service-accounts.pub": tokens.public,
    }


def kubeconfig(pki: Path, client: str, port: int, context: str) -> bytes:
    """A kubeconfig that holds all it needs, for one identity; `context` names everything in it."""

    def encoded(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": encoded("ca.crt")}
    user = {"client-certificate-data": encoded(f"{client}.crt"), "client-key-data": encoded(f"{client}.key")}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": context, "user": user}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        },
        sort_keys=False,
    ).encode()
