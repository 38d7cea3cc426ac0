"""Asks an ASGI application in this process, as a browser or an attacker would."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

App = Callable[..., Awaitable[None]]


@dataclass
class Answered:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Browser:
    """Sends requests to an application, with these headers."""

    app: App
    headers: Mapping[str, str]

    def get(self, target: str, **more: str) -> Answered:
        return self.ask("GET", target, more)

    def post(self, target: str, body: object, **more: str) -> Answered:
        return self.ask("POST", target, more, json.dumps(body).encode())

    def ask(self, method: str, target: str, more: Mapping[str, str], body: bytes = b"") -> Answered:
        """`more` are headers with _ for -; an empty one is left out."""
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        return asyncio.run(self._ask(method, target, {name: value for name, value in given.items() if value}, body))

    async def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answered:
        path, _, query = target.partition("?")
        answered = Answered()
        sent = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if sent:
                return sent.pop()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                answered.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            answered.body += message.get("body", b"")

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 1),
            "client": ("127.0.0.1", 2),
        }
        await self.app(scope, receive, send)
        return answered
