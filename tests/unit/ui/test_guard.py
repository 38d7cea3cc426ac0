"""Who is served: a browser that was given the token, on a page of this server, and nobody else."""

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any

import pytest

from bootstrap.ui.guard import Guard
from fakes.asgi import Browser

HOST, ORIGIN = "127.0.0.1:4000", "http://127.0.0.1:4000"


class App:
    """Remembers what was let through."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append((scope["method"], scope["path"]))
        message = await receive()
        self.bodies.append(message.get("body", b"") if message["type"] == "http.request" else b"cut off")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def guard(app: App) -> Guard:
    return Guard(app=app, token="the-token", port=4000)


@pytest.fixture
def browser(guard: Guard) -> Browser:
    return Browser(guard, {"host": HOST, "cookie": f"bootstrap-4000={guard.admission}"})


def test_the_address_with_the_token_gives_a_cookie_that_no_script_and_no_other_site_has(guard: Guard, app: App) -> None:
    answered = Browser(guard, {"host": HOST}).get("/?token=the-token")
    assert answered.status == 200
    assert app.asked == [("GET", "/")]
    cookie = answered.headers["set-cookie"]
    assert cookie == f"bootstrap-4000={guard.admission}; Path=/; HttpOnly; SameSite=Strict"
    assert "the-token" not in cookie
    pair = cookie.partition(";")[0]
    assert Browser(guard, {"host": HOST, "cookie": f"other=1; {pair}"}).get("/api/part").status == 200


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/", {}, 403),
        ("/?token=", {}, 403),
        ("/?token=an-old-one", {}, 403),
        ("/api/part?token=the-token", {}, 403),
        ("/static/app.js?token=the-token", {}, 403),
        ("/?token=the-token", {"host": "evil.example:4000"}, 421),
        ("/?token=the-token", {"host": "127.0.0.1"}, 421),
        ("/?token=the-token", {"host": "127.0.0.1:4000.evil.example"}, 421),
        ("/?token=the-token", {"host": ""}, 421),
        ("/?token=the-token", {"origin": "http://evil.example"}, 403),
        ("/?token=the-token", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ("/api/part", {"cookie": "bootstrap-4000=the-token"}, 403),
        ("/api/part", {"cookie": "bootstrap-4000="}, 403),
        ("/api/part", {"cookie": "bootstrap-4001=x"}, 403),
    ],
)
def test_nobody_else_is_served(guard: Guard, app: App, target: str, headers: dict[str, str], status: int) -> None:
    answered = Browser(guard, {"host": HOST}).ask("GET", target, headers)
    assert (answered.status, app.asked) == (status, [])
    assert "set-cookie" not in answered.headers
    assert "access-control-allow-origin" not in answered.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "rebound.example:4000"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:4000"}, 403),
        ({"origin": "https://127.0.0.1:4000"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
    ],
)
def test_the_cookie_alone_is_not_enough(browser: Browser, app: App, headers: dict[str, str], status: int) -> None:
    assert browser.ask("GET", "/api/reveal", headers).status == status
    sent = {"origin": ORIGIN, "content-type": "application/json", **headers}
    assert browser.ask("POST", "/api/start", sent, b"{}").status == status
    assert app.asked == []


def test_a_link_to_the_address_with_the_token_may_be_followed_from_anywhere(guard: Guard) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert Browser(guard, {"host": HOST}).ask("GET", "/?token=the-token", headers).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json"}, 403),
        ({"origin": ORIGIN, "content_type": "text/plain"}, 415),
        ({"origin": ORIGIN}, 415),
        ({"origin": ORIGIN, "content_type": "application/json"}, 200),
        ({"origin": ORIGIN, "content_type": "application/json; charset=utf-8", "sec_fetch_site": "same-origin"}, 200),
    ],
)
def test_a_change_is_json_of_a_page_of_ours(browser: Browser, app: App, headers: dict[str, str], status: int) -> None:
    assert browser.post("/api/start", {}, **headers).status == status
    assert len(app.asked) == (status == 200)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"])
def test_other_methods_do_nothing(browser: Browser, app: App, method: str) -> None:
    assert browser.ask(method, "/api/start", {"origin": ORIGIN}).status == 405
    assert app.asked == []


def test_every_answer_forbids_what_a_page_does_not_need(browser: Browser, guard: Guard) -> None:
    for answered in (browser.get("/"), Browser(guard, {"host": HOST}).get("/")):
        policy = answered.headers["content-security-policy"]
        assert re.match(r"default-src 'none'; script-src 'self'; style-src 'self';", policy)
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answered.headers["x-content-type-options"] == "nosniff"
        assert answered.headers["referrer-policy"] == "no-referrer"


def test_a_body_is_not_read_whole_whatever_its_length(browser: Browser, app: App) -> None:
    headers = {"origin": ORIGIN, "content-type": "application/json"}
    browser.ask("POST", "/api/start", headers, b" " * (1 << 20))
    assert app.bodies == [b"cut off"]


def test_a_web_socket_is_left_alone(guard: Guard, app: App) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(guard({"type": "websocket", "headers": []}, None, send))  # type: ignore[arg-type] # it is not asked
    assert (sent, app.asked) == ([], [])
