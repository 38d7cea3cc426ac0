"""The API server of the cluster as its administrator: asked once, since whoever starts it asks again and again."""

import ssl
from pathlib import Path
from typing import Any

from bootstrap.clusters.kwok.pki import ADMIN
from bootstrap.errors import StepFailedError
from bootstrap.kube.api import Answer, KubeApi
from bootstrap.kube.kubeconfig import Server
from bootstrap.system.clock import CancelToken

_SECONDS = 5.0
_NOT_FOUND = 404
_CONFLICT = 409
_MERGE = {"Content-Type": "application/merge-patch+json"}


class Api:
    """Its questions, in the words of who sets the cluster up."""

    def __init__(self, port: int, pki: Path, cancel: CancelToken) -> None:
        trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        trust.load_cert_chain(pki / f"{ADMIN}.crt", pki / f"{ADMIN}.key")
        self._port = port
        self._cancel = cancel
        self._server = KubeApi(Server(host="127.0.0.1", port=port, prefix="", tls=trust, headers={}))

    def ready(self) -> str:
        """Empty when it serves; else why not."""
        try:
            answer = self._ask("GET", "/readyz")
        except OSError as error:
            return f"no answer ({_text(error)})"
        if answer.ok:
            return ""
        lines = str(answer.body).splitlines()
        checks = (line.removeprefix("[-]").partition(" ")[0] for line in lines if line.startswith("[-]"))
        return f"not ready: {', '.join(checks) or f'status {answer.status}'}"

    def get(self, path: str) -> Any:  # noqa: ANN401 (a Kubernetes object)
        """The object or list at this path; None: there is none."""
        answer = self._request("GET", path, fine=_NOT_FOUND)
        return answer.body if answer.ok else None

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        """Create it, unless one of this name is there."""
        self._request("POST", path, manifest, fine=_CONFLICT)

    def merge(self, path: str, patch: dict[str, Any]) -> None:
        """Patch the object at this path (JSON merge patch, RFC 7386)."""
        self._request("PATCH", path, patch)

    def delete(self, path: str) -> None:
        """Delete it, unless it is gone."""
        self._request("DELETE", path, fine=_NOT_FOUND)

    def _request(self, method: str, path: str, manifest: dict[str, Any] | None = None, fine: int = 0) -> Answer:
        """An answer that is not a refusal, or the one that is fine.

        Raises:
            StepFailedError: it does not answer, or refuses.
        """
        try:
            answer = self._ask(method, path, manifest)
        except OSError as error:
            raise StepFailedError(
                f"the cluster's API server does not answer: {_text(error)}",
                command=f"{method} https://127.0.0.1:{self._port}{path}",
                fix="run: bootstrap up",
            ) from error
        if not answer.ok and answer.status != fine:
            what = f"the cluster's API server refused {path}: status {answer.status}"
            raise StepFailedError(what, evidence=answer.message.splitlines())
        return answer

    def _ask(self, method: str, path: str, manifest: dict[str, Any] | None = None) -> Answer:
        token = self._cancel.within(_SECONDS, "the cluster's API server")
        return self._server.ask_once(method, path, token, body=manifest, headers=_MERGE if method == "PATCH" else None)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
