"""Decides who is served: only a page of this server, in a browser that was given its token.

Whoever can reach the port is on this machine, but any web page that is open in a browser can send requests here, and a
name that points to 127.0.0.1 makes them look as if they were for it. So a request needs the right Host, no foreign
Origin, and the cookie that the address with the token gives.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_NAMES = ("127.0.0.1", "localhost")
_READS = frozenset({"GET", "HEAD"})
_WRITES = frozenset({"POST"})
_LARGEST_BODY = 1 << 14
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""On every answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a request is not served."""

    status: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """Serves `app` to those who have the token."""

    app: App
    token: str
    port: int

    @property
    def cookie(self) -> str:
        """Its name: cookies of one host are the same for all its ports."""
        return f"bootstrap-{self.port}"

    @property
    def admission(self) -> str:
        """The cookie's value, from which the token cannot be found."""
        return hashlib.sha256(f"cookie of {self.token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        refusal = self.refusal(str(scope["method"]), str(scope["path"]), _token(scope), headers)
        if refusal is not None:
            await _refuse(refusal, send)
            return
        given = self._is(_token(scope), self.token)
        cookie = f"{self.cookie}={self.admission}; Path=/; HttpOnly; SameSite=Strict" if given else ""
        await self.app(scope, _bounded(receive), _with_headers(send, cookie))

    def refusal(self, method: str, path: str, token: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why this request is not served; None: it is. Names of `headers` are in lower case."""
        if headers.get("host", "") not in {f"{name}:{self.port}" for name in _NAMES}:
            return Refusal(status=421, why="this server has another name")
        if method not in _READS | _WRITES:
            return Refusal(status=405, why="only GET and POST")
        entering = method in _READS and path == "/" and bool(token)
        if (foreign := _foreign(headers, entering=entering)) is not None:
            return foreign
        if method in _WRITES and (incomplete := _incomplete(headers)) is not None:
            return incomplete
        if entering:
            return None if self._is(token, self.token) else Refusal(status=403, why=_OLD)
        return None if self._has_cookie(headers) else Refusal(status=403, why=_OLD)

    def _has_cookie(self, headers: Mapping[str, str]) -> bool:
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(name == self.cookie and self._is(value, self.admission) for name, _, value in pairs)

    @staticmethod
    def _is(given: str, meant: str) -> bool:
        return hmac.compare_digest(given.encode(), meant.encode())


_OLD = "this address needs the token of the server that runs now: bootstrap ui prints it"


def _foreign(headers: Mapping[str, str], *, entering: bool) -> Refusal | None:
    """A request that a page of another origin makes; following a link to the address with the token is none."""
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{headers['host']}":
        return Refusal(status=403, why="a page of another origin asks")
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode")
    if site not in {"same-origin", "none"} and not (entering and mode == "navigate"):
        return Refusal(status=403, why="a page of another site asks")
    return None


def _incomplete(headers: Mapping[str, str]) -> Refusal | None:
    """A change needs what only a page of this server sends: its Origin, and JSON, which no form can."""
    if "origin" not in headers:
        return Refusal(status=403, why="a change needs an Origin")
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        return Refusal(status=415, why="a change is sent as JSON")
    return None


def _headers(scope: Scope) -> dict[str, str]:
    """By name in lower case; one that comes twice is as if both were one, which is neither."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joint = "; " if key == "cookie" else ", "
        headers[key] = f"{headers[key]}{joint}{text}" if key in headers else text
    return headers


def _token(scope: Scope) -> str:
    return parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1")).get("token", [""])[0]


async def _refuse(refusal: Refusal, send: Send) -> None:
    content = json.dumps({"error": {"what": refusal.why}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _with_headers(send: Send, cookie: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = {**HEADERS, **({"Set-Cookie": cookie} if cookie else {})}
            given = [(name.lower().encode(), value.encode()) for name, value in more.items()]
            message = {**message, "headers": [*message.get("headers", ()), *given]}
        await send(message)

    return sent


def _bounded(receive: Receive) -> Receive:
    """What is sent to us, as long as it is as short as what our pages send."""
    total = 0

    async def received() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        return {"type": "http.disconnect"} if total > _LARGEST_BODY else message

    return received
