"""The pods of a part, in few bytes each, and their logs as they are written."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool

from bootstrap.errors import BootstrapError, RefusedError, UsageError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.identity import Clusters
from bootstrap.model.kube import Manifest, mapping_in, mappings_in
from bootstrap.system.clock import CancelToken
from bootstrap.ui.live import message
from bootstrap.ui.looks import Look, masked
from bootstrap.ui.parts import manifests_of, release_of

_TABLE = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
"""As kubectl asks: a line for each, with its own words for the state."""
_COLUMNS = ("Ready", "Status", "Restarts", "Age", "Node")
_LINES, _BYTES = 500, 1 << 18
_PAUSE = 1.0
_OK = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """Whose log is followed."""

    namespace: str
    pod: str
    name: str
    previous: bool = False
    """Whether it is the run before the present one."""


def pods_json(look: Look, name: str, cancel: CancelToken) -> dict[str, Any]:
    """Every pod of a part: `{"columns", "pods": [[namespace, name, …]], "simulated"}`.

    Raises:
        RefusedError: the cluster is not running.
    """
    session, planning = look.ready()
    kube = planning.kube
    api = Clusters(session.processes).api(kube, cancel)
    release = release_of(planning, name)
    default = "default" if release is None else release.target_namespace
    selectors = _selectors(manifests_of(planning, name), default)
    if release is not None:
        selectors.setdefault(default, []).append({"app.kubernetes.io/instance": release.release_name})
    rows = [row for namespace, wanted in selectors.items() for row in _rows(api, namespace, wanted, cancel)]
    columns = ["Namespace", "Name", *_COLUMNS]
    return {"columns": columns, "pods": masked(rows, look.masker), "simulated": kube.simulated}


def containers_json(look: Look, namespace: str, pod: str, cancel: CancelToken) -> dict[str, Any]:
    """The containers of a pod, with how often each began again.

    Raises:
        UsageError: there is no such pod.
        RefusedError: the cluster is not running.
    """
    api = _api(look, cancel)
    live = api.get(f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}", cancel)
    if live is None:
        raise UsageError(f"there is no pod {namespace}/{pod}")
    restarts = {
        status.get("name"): int(status.get("restartCount") or 0)
        for part in ("initContainerStatuses", "containerStatuses")
        for status in mappings_in(live, "status", part)
    }
    names = [
        str(each.get("name")) for part in ("initContainers", "containers") for each in mappings_in(live, "spec", part)
    ]
    return {"containers": [{"name": name, "restarts": restarts.get(name, 0)} for name in names]}


async def followed(
    look: Look,
    container: Container,
    since: str,
    cancel: CancelToken,
    ended: Callable[[], bool],
    *,
    pause: float = _PAUSE,
) -> AsyncIterator[bytes]:
    """The log of a container in messages, until the server ends; `since` is the time of the last line that is known."""
    try:
        if look.ready()[1].kube.simulated:
            yield message("note", {"text": "Pods are simulated here: nothing runs in them, so they write no logs."})
            return
        api = await run_in_threadpool(_api, look, cancel)
        while not ended():
            lines = await run_in_threadpool(_lines_after, api, container, since, cancel)
            if lines:
                since = lines[-1][0]
                text = await run_in_threadpool(look.masker.mask, "".join(f"{line}\n" for _, line in lines))
                yield message("log", {"text": text, "left_out": 0}, place=since)
            await asyncio.sleep(pause)
    except BootstrapError as error:
        yield message("note", {"text": error.what})


def _api(look: Look, cancel: CancelToken) -> KubeApi:
    session, planning = look.ready()
    return Clusters(session.processes).api(planning.kube, cancel)


def _lines_after(api: KubeApi, container: Container, since: str, cancel: CancelToken) -> list[tuple[str, str]]:
    """(time, line) of what was written after that time; at first the last lines."""
    query = {"container": container.name, "timestamps": "true", "limitBytes": _BYTES}
    query |= {"sinceTime": since} if since else {"tailLines": _LINES}
    query |= {"previous": "true"} if container.previous else {}
    where = f"/api/v1/namespaces/{quote(container.namespace, safe='')}/pods/{quote(container.pod, safe='')}/log"
    answer = api.ask("GET", f"{where}?{urlencode(query)}", cancel)
    if answer.status >= _OK:
        raise RefusedError(f"the log cannot be read: {answer.message}")
    stamped = (line.partition(" ") for line in answer.text.splitlines())
    # The server knows times to the second: what was seen of that second comes again.
    return [(time, text) for time, space, text in stamped if space and time > since]


def _selectors(manifests: Iterable[Manifest], default: str) -> dict[str, list[Mapping[str, str]]]:
    """By namespace, the labels of the pods that these objects make."""
    selectors: dict[str, list[Mapping[str, str]]] = {}
    for manifest in manifests:
        metadata = mapping_in(manifest, "metadata")
        labels = mapping_in(manifest, "spec", "selector", "matchLabels")
        if manifest.get("kind") == "Job":
            labels = {"batch.kubernetes.io/job-name": str(metadata.get("name"))}
        if labels:
            namespace = str(metadata.get("namespace") or default)
            selectors.setdefault(namespace, []).append({key: str(value) for key, value in labels.items()})
    return selectors


def _rows(
    api: KubeApi, namespace: str, wanted: Sequence[Mapping[str, str]], cancel: CancelToken
) -> Iterator[list[str]]:
    table = api.get(f"/api/v1/namespaces/{quote(namespace, safe='')}/pods", cancel, headers=_TABLE) or {}
    places = {column.get("name"): number for number, column in enumerate(table.get("columnDefinitions") or ())}
    for row in table.get("rows") or ():
        metadata = mapping_in(row, "object", "metadata")
        labels = mapping_in(metadata, "labels")
        if any(selector.items() <= labels.items() for selector in wanted):
            cells = row.get("cells") or ()
            shown = [str(cells[places[column]]) if column in places else "" for column in _COLUMNS]
            yield [namespace, str(metadata.get("name")), *shown]
