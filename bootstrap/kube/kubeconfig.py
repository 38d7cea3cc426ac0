"""Reads one kubeconfig: where its API server is and how it is proven who asks."""

import base64
import json
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes

_EXEC_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """An API server and what is needed to speak to it."""

    host: str
    port: int
    prefix: str
    """What stands before every path (Rancher and other proxies)."""
    tls: ssl.SSLContext | None
    """None: plain HTTP."""
    headers: Mapping[str, str]
    name: str | None = None
    """The name in its certificate, if that is not the host."""


def read_server(kubeconfig: Path, processes: Processes, cancel: CancelToken) -> Server:
    """The server of the current context, with credentials: certificate, token, password or exec plugin.

    Raises:
        RefusedError: the file cannot be read or asks for what is not supported; names it.
    """
    document = _document(kubeconfig)
    context = _named(document, "contexts", str(document.get("current-context", "")), "context", kubeconfig)
    cluster = _named(document, "clusters", str(context.get("cluster", "")), "cluster", kubeconfig)
    user = _named(document, "users", str(context.get("user", "")), "user", kubeconfig)
    if cluster.get("proxy-url"):
        raise RefusedError(f"{kubeconfig}: proxy-url is not supported", fix="remove proxy-url, or use a direct address")
    credentials = {**user, **_from_plugin(user.get("exec"), kubeconfig, processes, cancel)}
    address = urlsplit(str(cluster.get("server", "")))
    plain = address.scheme == "http"
    return Server(
        host=address.hostname or "localhost",
        port=address.port or (80 if plain else 443),
        prefix=address.path.rstrip("/"),
        tls=None if plain else _tls(cluster, credentials, kubeconfig.parent),
        headers=_authorization(credentials, kubeconfig.parent),
        name=cluster.get("tls-server-name"),
    )


def damage(kubeconfig: Path) -> str:
    """Why programs would not find a cluster with this file; empty if they would, as far as the file shows."""
    try:
        document = _document(kubeconfig)
        context = _named(document, "contexts", str(document.get("current-context", "")), "context", kubeconfig)
        _named(document, "clusters", str(context.get("cluster", "")), "cluster", kubeconfig)
    except RefusedError as error:
        return error.what
    return ""


def _document(kubeconfig: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - not needed by --help

    try:
        document = yaml.load(kubeconfig.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError) as error:
        raise RefusedError(f"cannot read the kubeconfig {kubeconfig}: {error}") from error
    if not isinstance(document, dict):
        raise RefusedError(f"{kubeconfig} is not a kubeconfig")
    return document


def _named(document: Mapping[str, Any], section: str, name: str, key: str, file: Path) -> Mapping[str, Any]:
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            return entry.get(key) or {}
    raise RefusedError(f"{file}: no entry {name!r} in {section}")


def _bytes(entry: Mapping[str, Any], key: str, folder: Path) -> bytes | None:
    if inline := entry.get(f"{key}-data"):
        return base64.b64decode(inline)
    if named := entry.get(key):
        return (folder / str(named)).read_bytes()
    return None


def _tls(cluster: Mapping[str, Any], credentials: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=None if authority is None else authority.decode())
    # Kubernetes' own certificates may lack what strict verification asks for since Python 3.13.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    certificate, key = (_bytes(credentials, name, folder) for name in ("client-certificate", "client-key"))
    if certificate is not None and key is not None:
        _load_pair(tls, certificate, key)
    return tls


def _load_pair(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # OpenSSL only reads files; mkstemp makes them 0600.
    descriptor, name = tempfile.mkstemp(prefix="bootstrap-client-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(certificate + b"\n" + key)
        tls.load_cert_chain(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _authorization(credentials: Mapping[str, Any], folder: Path) -> Mapping[str, str]:
    token = credentials.get("token")
    if token is None and (file := credentials.get("tokenFile")):
        token = (folder / str(file)).read_text().strip()
    if token is not None:
        return {"Authorization": f"Bearer {token}"}
    if "username" in credentials:
        pair = f"{credentials['username']}:{credentials.get('password', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _from_plugin(
    plugin: Mapping[str, Any] | None, kubeconfig: Path, processes: Processes, cancel: CancelToken
) -> Mapping[str, Any]:
    """What a client-go credential plugin answers, under the names that a kubeconfig uses."""
    if plugin is None:
        return {}
    asked = {
        "apiVersion": plugin.get("apiVersion"),
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    extra = {entry["name"]: entry["value"] for entry in plugin.get("env") or ()}
    command = Command(
        argv=(str(plugin.get("command")), *(str(word) for word in plugin.get("args") or ())),
        env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
        cwd=kubeconfig.parent,
    )
    within = cancel.within(_EXEC_SECONDS, f"the credential plugin {plugin.get('command')}")
    try:
        status = json.loads(processes.run(command, within).stdout)["status"]
    except CommandFailedError as error:
        raise RefusedError(
            f"the credential plugin of {kubeconfig} failed", evidence=error.evidence, command=error.command
        ) from error
    except (ValueError, KeyError) as error:
        raise RefusedError(f"the credential plugin of {kubeconfig} did not answer with an ExecCredential") from error
    names = {
        "token": "token",
        "clientCertificateData": "client-certificate-data",
        "clientKeyData": "client-key-data",
    }
    fields = {names[key]: value for key, value in status.items() if key in names}
    # A plugin gives PEM, a kubeconfig base64 of it.
    return {
        key: value if key == "token" else base64.b64encode(value.encode()).decode() for key, value in fields.items()
    }
