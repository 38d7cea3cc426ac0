"""The API server of the cluster, asked without a program in between: a kubectl per question is too slow."""

import contextlib
import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from bootstrap.clusters.kwok.pki import ADMIN
from bootstrap.errors import StepFailedError

_SECONDS = 5.0
_NOT_FOUND = 404
_CONFLICT = 409
_CONTENT = {"PATCH": "application/merge-patch+json"}


class Api:
    """One connection as the cluster's administrator; opened when needed, and again when it broke."""

    def __init__(self, port: int, pki: Path) -> None:
        trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        trust.load_cert_chain(pki / f"{ADMIN}.crt", pki / f"{ADMIN}.key")
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=_SECONDS)

    def ready(self) -> str:
        """Empty when it serves; else why not."""
        try:
            status, body = self._ask("GET", "/readyz")
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({_text(error)})"
        if status == http.client.OK:
            return ""
        lines = body.decode(errors="replace").splitlines()
        checks = (line.removeprefix("[-]").partition(" ")[0] for line in lines if line.startswith("[-]"))
        return f"not ready: {', '.join(checks) or f'status {status}'}"

    def get(self, path: str) -> Any:  # noqa: ANN401 (a Kubernetes object)
        """The object or list at this path; None: there is none."""
        status, body = self._request("GET", path)
        return None if status == _NOT_FOUND else self._object(path, status, body)

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        """Create it, unless one of this name is there."""
        status, body = self._request("POST", path, manifest)
        if status != _CONFLICT:
            self._object(path, status, body)

    def merge(self, path: str, patch: dict[str, Any]) -> None:
        """Patch the object at this path (JSON merge patch, RFC 7386)."""
        status, body = self._request("PATCH", path, patch)
        self._object(path, status, body)

    def delete(self, path: str) -> None:
        """Delete it, unless it is gone."""
        status, body = self._request("DELETE", path)
        if status != _NOT_FOUND:
            self._object(path, status, body)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def _request(self, method: str, path: str, manifest: dict[str, Any] | None = None) -> tuple[int, bytes]:
        try:
            return self._ask(method, path, manifest)
        except (OSError, http.client.HTTPException) as error:
            raise StepFailedError(
                f"the cluster's API server does not answer: {_text(error)}",
                command=f"{method} https://127.0.0.1:{self._connection.port}{path}",
                fix="run: bootstrap up",
            ) from error

    def _ask(self, method: str, path: str, manifest: dict[str, Any] | None = None) -> tuple[int, bytes]:
        content = None if manifest is None else json.dumps(manifest)
        try:
            self._connection.request(method, path, content, {"Content-Type": _CONTENT.get(method, "application/json")})
            response = self._connection.getresponse()
            return response.status, response.read()
        except BaseException:
            with contextlib.suppress(OSError):
                self._connection.close()
            raise

    def _object(self, path: str, status: int, body: bytes) -> Any:  # noqa: ANN401 (a Kubernetes object)
        if status >= http.client.BAD_REQUEST:
            raise StepFailedError(
                f"the cluster's API server refused {path}: status {status}",
                evidence=(body.decode(errors="replace")[:500],),
            )
        return json.loads(body)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
