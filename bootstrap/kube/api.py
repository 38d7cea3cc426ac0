"""Speaks to one API server over HTTPS, several threads at once.

A kubectl process costs about 100 ms, a request on an open connection about 2 ms; readiness of many objects is asked
for several times a second.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bootstrap.errors import DeadlineError, StepFailedError
from bootstrap.kube.discovery import AGGREGATED, Discovery, Kind, UnknownKindError, apis_in, group_path, kinds_in
from bootstrap.kube.kubeconfig import Server
from bootstrap.model.kube import Manifest, ObjectRef, ref_of
from bootstrap.system.clock import CancelToken
from bootstrap.system.http import Connections

FIELD_MANAGER = "bootstrap"
_REQUEST_SECONDS = 30.0
_RETRIES = 5
_BUSY = frozenset({429, 500, 502, 503, 504})
_GONE = 404
_METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
"""Definitions are long, and mostly only asked for to see whether they are there."""
_FIX = "run: bootstrap status"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the API server answered."""

    status: int
    body: Any
    """Decoded JSON."""
    text: str = ""
    """As it came: a log may be JSON by chance."""

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def reason(self) -> str:
        """Kubernetes' own word for a failure, such as `AlreadyExists`."""
        return str(self.body.get("reason", "")) if isinstance(self.body, dict) else ""

    @property
    def message(self) -> str:
        """Kubernetes' own sentence for a failure."""
        return str(self.body.get("message", self.body)) if isinstance(self.body, dict) else str(self.body)


class ApiUnreachableError(StepFailedError):
    """The API server does not answer."""


_NO_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found')


class ApiRefusedError(StepFailedError):
    """The API server answered with a failure; keeps its answer."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what}: {answer.message}", fix=_fix_of(answer.message))
        self.answer = answer


def _fix_of(message: str) -> str | None:
    """What to do about this refusal, where the words of the API server leave only one thing."""
    missing = _NO_NAMESPACE.search(message)
    if missing is None:
        return None
    name = missing[1]
    return f"declare Namespace {name} in the repository, or make it before: kubectl create namespace {name}"


class KubeApi:
    """One API server. Reads and server-side writes are repeated while it is busy or restarting."""

    def __init__(self, server: Server, kubeconfig: Path | None = None) -> None:
        """`kubeconfig` is the file that leads here, for commands that are shown."""
        self._server = server
        self._connections = Connections(server.host, server.port, tls=server.tls, server_name=server.name)
        self.kubectl = "kubectl" if kubeconfig is None else f"kubectl --kubeconfig {shlex.quote(str(kubeconfig))}"
        """How kubectl is called for this cluster."""
        self._discovery = Discovery()

    def ask(
        self,
        method: str,
        path: str,
        cancel: CancelToken,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, repeated with a growing pause while the server is busy or cannot be reached.

        Raises:
            ApiUnreachableError: it does not answer, again and again.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        for attempt in range(_RETRIES):
            last = attempt == _RETRIES - 1
            try:
                answer = self.ask_once(method, path, cancel, body=body, headers=headers)
            except OSError as error:
                self._check(cancel, error)
                if last:
                    raise self._unreachable(error) from error
            else:
                if last or answer.status not in _BUSY or not _worth_repeating(answer):
                    return answer
            cancel.sleep(0.2 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def get(self, path: str, cancel: CancelToken, *, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON at this path; None when there is nothing.

        Raises:
            ApiRefusedError: any other failure.
        """
        answer = self.ask("GET", path, cancel, headers=headers)
        if answer.status == _GONE:
            return None
        if not answer.ok:
            raise ApiRefusedError(f"cannot read {path}", answer)
        return answer.body

    def read(self, ref: ObjectRef, cancel: CancelToken, *, metadata_only: bool = False) -> Manifest | None:
        """The live object; None when it, or its kind, is not there."""
        try:
            path = self.path(ref, cancel)
        except UnknownKindError:
            return None
        answer: Manifest | None = self.get(path, cancel, headers=_METADATA_ONLY if metadata_only else None)
        return answer

    def apply(self, manifest: Manifest, cancel: CancelToken, *, manager: str = FIELD_MANAGER) -> None:
        """Server-side apply, which adopts the fields of other managers.

        Raises:
            ApiRefusedError: the API server rejects it.
            UnknownKindError: no such kind.
        """
        self._patch(manifest, f"?fieldManager={quote(manager)}&force=true", _METADATA_ONLY, cancel)

    def dry_run(self, manifest: Manifest, cancel: CancelToken, *, manager: str = FIELD_MANAGER) -> Manifest:
        """What the object would be if it were applied; nothing is changed.

        Raises:
            ApiRefusedError: the API server rejects it.
            UnknownKindError: no such kind.
        """
        return self._patch(manifest, f"?fieldManager={quote(manager)}&force=true&dryRun=All", {}, cancel)

    def delete(self, ref: ObjectRef, cancel: CancelToken, *, uid: str | None = None) -> bool:
        """Ask for its deletion, dependants in the background; False when it is gone already."""
        options: dict[str, object] = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            answer = self.ask("DELETE", self.path(ref, cancel), cancel, body=options)
        except UnknownKindError:
            return False
        if answer.status == _GONE:
            return False
        if not answer.ok:
            raise ApiRefusedError(f"cannot delete {ref}", answer)
        return True

    def serves(self, api_version: str, cancel: CancelToken) -> Mapping[str, Kind]:
        """The kinds of a group version that can be used just now."""
        return kinds_in(self.get(group_path(api_version), cancel))

    def served_apis(self, cancel: CancelToken) -> tuple[str, ...]:
        """Every `group/version` and `group/version/Kind` that is served now, as helm reads them for its charts."""
        groups = [self.get(path, cancel, headers=AGGREGATED) or {} for path in ("/api", "/apis")]
        return tuple(sorted(name for listed in groups for name in apis_in(listed)))

    def path(self, ref: ObjectRef, cancel: CancelToken) -> str:
        """Where the object lives; one without a namespace whose kind has one is looked for in `default`.

        Raises:
            UnknownKindError: the API server does not know the kind.
        """
        return f"{self.collection(ref.api_version, ref.kind, ref.namespace, cancel)}/{quote(ref.name)}"

    def collection(self, api_version: str, kind: str, namespace: str | None, cancel: CancelToken) -> str:
        """Where the objects of a kind live; see `path`."""
        resource_kind = self.kind(api_version, kind, cancel)
        where = f"/namespaces/{quote(namespace or 'default')}" if resource_kind.namespaced else ""
        return f"{group_path(api_version)}{where}/{resource_kind.plural}"

    def kind(self, api_version: str, kind: str, cancel: CancelToken) -> Kind:
        """How the API server serves a kind; asked again once when it is new.

        Raises:
            UnknownKindError: it does not.
        """
        return self._discovery.find(api_version, kind, lambda path: self.get(path, cancel))

    def _patch(self, manifest: Manifest, query: str, accept: Mapping[str, str], cancel: CancelToken) -> Manifest:
        ref = ref_of(manifest)
        headers = {"Content-Type": "application/apply-patch+yaml", **accept}
        answer = self.ask("PATCH", self.path(ref, cancel) + query, cancel, body=manifest, headers=headers)
        if not answer.ok:
            raise ApiRefusedError(f"cannot apply {ref}", answer)
        applied: Manifest = answer.body
        return applied

    def ask_once(
        self,
        method: str,
        path: str,
        cancel: CancelToken,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, not repeated.

        Raises:
            OSError: it does not answer.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        content = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        remaining = cancel.remaining()
        seconds = _REQUEST_SECONDS if remaining is None else min(_REQUEST_SECONDS, max(remaining, 0.05))
        response = self._connections.exchange(
            method,
            self._server.prefix + path,
            cancel,
            body=content,
            headers={**self._server.headers, **sent},
            seconds=seconds,
        )
        text = response.body.decode(errors="replace")
        return Answer(status=response.status, body=_decoded(response.body), text=text)

    def _check(self, cancel: CancelToken, error: Exception) -> None:
        try:
            cancel.check()
        except DeadlineError as late:
            raise DeadlineError(f"{late.what}: {self._silence(error)}", fix=_FIX) from error

    def _unreachable(self, error: Exception) -> ApiUnreachableError:
        return ApiUnreachableError(self._silence(error), fix=_FIX)

    def _silence(self, error: Exception) -> str:
        where = f"{self._server.host}:{self._server.port}"
        return f"the API server at {where} does not answer: {str(error) or type(error).__name__}"


def _decoded(content: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(content) if content else {}
    except ValueError:
        return content.decode(errors="replace")


def _worth_repeating(answer: Answer) -> bool:
    # A webhook that cannot be called, or an object that makes the server fail, is an answer.
    return answer.status != HTTPStatus.INTERNAL_SERVER_ERROR or "etcd" in answer.message
