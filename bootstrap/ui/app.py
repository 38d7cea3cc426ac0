"""The routes: pages, what they read, and the actions; behind the guard."""

import importlib.resources
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bootstrap.console.json_lines import error_fields
from bootstrap.console.results.doctor import checks_json
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.model.kube import ObjectRef
from bootstrap.system.clock import CancelToken
from bootstrap.ui import data, history, logs, parts, pods, urls
from bootstrap.ui.actions import Actions
from bootstrap.ui.guard import Guard, Receive, Scope, Send
from bootstrap.ui.live import live
from bootstrap.ui.looks import Looks
from bootstrap.ui.run_events import Place
from bootstrap.ui.source import SECONDS, Source

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NEVER = {"Cache-Control": "no-store"}
_REVALIDATED = {"Cache-Control": "no-cache"}
_CLIENTS = 40
"""Pages that are sent what happens, at most."""
Answer: TypeAlias = Callable[[Request], Awaitable[Response]]
Read: TypeAlias = Callable[[Mapping[str, str], CancelToken], Any]


def guarded_app(source: Source, cancel: CancelToken, *, token: str, port: int) -> Guard:
    """The whole application for one stack; `cancel` ends whatever a page waits for."""
    return Guard(app=_Pages(source, cancel).app(), token=token, port=port)


def static_files() -> Mapping[str, bytes]:
    """By name, everything that a page is made of: nothing else is ever read from the disk by a name that is given."""
    folder = importlib.resources.files("bootstrap.ui") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@dataclass(frozen=True, slots=True)
class _Pages:
    source: Source
    cancel: CancelToken

    def app(self) -> Starlette:
        looks = Looks(self.source, self.cancel)
        actions = Actions(looks)
        streams = _Streams(looks)
        reads: Mapping[str, Read] = {
            "/api/part": lambda query, token: parts.part_json(looks.fresh(), query["name"], token),
            "/api/object": lambda query, token: parts.object_json(looks.any(), query["part"], _ref(query), token),
            "/api/diff": lambda query, token: {"text": parts.diff_text(looks.fresh(), query["name"], token)},
            "/api/pods": lambda query, token: pods.pods_json(looks.fresh(), query["name"], token),
            "/api/containers": lambda query, token: pods.containers_json(
                looks.any(), query["namespace"], query["pod"], token
            ),
            "/api/logs": lambda _query, _token: {"logs": logs.logs_of(self.source.state)},
            "/api/data": lambda _query, token: data.data_json(looks.fresh(), token),
            "/api/resource": lambda query, token: data.resource_json(looks.fresh(), query["id"], token),
            "/api/rows": lambda query, token: data.rows_json(looks.fresh(), query["id"], query.get("start", ""), token),
            "/api/content": lambda query, token: data.object_json(looks.fresh(), query["bucket"], query["key"], token),
            "/api/urls": lambda _query, _token: urls.urls_json(looks.fresh()),
            "/api/runs": lambda _query, _token: history.runs_json(self.source.state),
            "/api/run": lambda query, _token: history.run_json(self.source.state, query["name"]),
            "/api/machine": lambda _query, _token: json.loads(checks_json(self.source.examine())),
            "/api/plan": lambda query, token: actions.plan_json(query["action"], token),
            "/api/action": lambda _query, _token: actions.state_json(),
        }
        writes: Mapping[str, Read] = {
            "/api/start": lambda given, _token: actions.start(given["action"], given["plan"]),
            "/api/reveal": lambda given, token: data.resource_json(looks.fresh(), given["id"], token, reveal=True),
            "/api/reveal-rows": lambda given, token: data.rows_json(
                looks.fresh(), given["id"], given.get("start", ""), token, reveal=True
            ),
        }
        return Starlette(
            routes=[
                Route("/", _static("index.html")),
                *(Route(f"/static/{name}", _static(name)) for name in static_files()),
                *(Route(path, self._reading(read)) for path, read in reads.items()),
                *(Route(path, self._writing(write), methods=["POST"]) for path, write in writes.items()),
                Route("/api/live", streams.live),
                Route("/api/log", streams.log),
                Route("/api/pod-log", streams.pod_log),
            ],
            exception_handlers={Exception: _bug},
        )

    def _reading(self, read: Read) -> Answer:
        async def answered(request: Request) -> Response:
            return await self._answered(read, dict(request.query_params))

        return answered

    def _writing(self, write: Read) -> Answer:
        async def answered(request: Request) -> Response:
            try:
                given = json.loads(await request.body())
            except ValueError:
                given = None
            if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
                return _error(UsageError("this is not what a page sends"))
            return await self._answered(write, given)

        return answered

    async def _answered(self, read: Read, given: Mapping[str, str]) -> Response:
        try:
            token = self.cancel.within(SECONDS, "the answer")
            return JSONResponse(await run_in_threadpool(read, given, token), headers=_NEVER)
        except KeyError as error:
            return _error(UsageError(f"{error.args[0]} is missing"))
        except BootstrapError as error:
            return _error(error)


class _Streams:
    """What is sent as it happens, to a bounded number of clients."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._clients = 0

    async def live(self, request: Request) -> Response:
        place = Place.parse(request.headers.get("last-event-id") or request.query_params.get("after", ""))
        return self._streamed(live(self._looks, place, self._ended))

    async def log(self, request: Request) -> Response:
        try:
            file = logs.named_log(request.query_params.get("name", ""), self._looks.source.state)
        except UsageError as error:
            return _error(error)
        last = request.headers.get("last-event-id", "")
        offset = int(last) if last.isascii() and last.isdigit() else None
        look = await run_in_threadpool(self._looks.any)
        return self._streamed(logs.followed(file, offset, look.masker.mask, self._ended))

    async def pod_log(self, request: Request) -> Response:
        query = request.query_params
        container = pods.Container(
            namespace=query.get("namespace", ""),
            pod=query.get("pod", ""),
            name=query.get("container", ""),
            previous=query.get("previous") == "true",
        )
        since, cancel = request.headers.get("last-event-id", ""), self._looks.cancel
        look = await run_in_threadpool(self._looks.any)
        return self._streamed(pods.followed(look, container, since, cancel, self._ended))

    def _ended(self) -> bool:
        return self._looks.cancel.cancelled

    def _streamed(self, content: AsyncIterator[bytes]) -> Response:
        if self._clients >= _CLIENTS:
            return JSONResponse({"error": {"what": "too many pages are open"}}, status_code=503, headers=_NEVER)
        self._clients += 1
        return _Stream(content, self._gone)

    def _gone(self) -> None:
        self._clients -= 1


class _Stream(StreamingResponse):
    """What is sent to one client, until it goes."""

    def __init__(self, content: AsyncIterator[bytes], gone: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream", headers=_NEVER)
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._gone()


def _static(name: str) -> Answer:
    content = static_files()[name]
    kind = _TYPES[f".{name.rpartition('.')[2]}"]

    async def answered(request: Request) -> Response:
        del request
        return Response(content, media_type=kind, headers=_REVALIDATED)

    return answered


def _ref(query: Mapping[str, str]) -> ObjectRef:
    return ObjectRef(
        api_version=query["api_version"],
        kind=query["kind"],
        namespace=query.get("namespace") or None,
        name=query["object"],
    )


def _error(error: BootstrapError) -> Response:
    status = 400 if isinstance(error, UsageError) else 409
    return JSONResponse({"error": error_fields(error)}, status_code=status, headers=_NEVER)


async def _bug(request: Request, error: Exception) -> Response:
    del request
    what = f"This is a bug in bootstrap: {type(error).__name__}"
    return JSONResponse({"error": {"what": what}}, status_code=500, headers=_NEVER)
