"""What the pages are given, by values, and what an attacker gets out of them: nothing."""

import asyncio
import json
import os
from typing import Any

import pytest

from bootstrap.console.events_file import EventsFile
from bootstrap.console.results.status import status_json
from bootstrap.engine.session import PlanOptions
from bootstrap.engine.status import read_status
from bootstrap.engine.up import up
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import ObjectRef
from bootstrap.model.release import FluxRepo
from bootstrap.model.status import Health
from bootstrap.ui.app import static_files
from bootstrap.ui.guard import Guard
from bootstrap.ui.live import live
from bootstrap.ui.looks import Looks
from bootstrap.ui.run_events import Place
from fakes.pages import Pages
from fakes.ports import World
from fakes.processes import ok
from fakes.repo import config_map, kustomization, release
from fakes.setting import HOW

BOLD = "<img src=x onerror=alert(1)>"
SENT = {"origin": "http://127.0.0.1:4000", "content_type": "application/json"}


def bring_up(pages: Pages, name: str = "up-20260102-030405") -> None:
    """As `up` does, with its events beside its log."""
    session = pages.setting.session
    events = EventsFile(session.state.logs / f"{name}.events.jsonl", kept=True)
    up(session, PlanOptions(), HOW, emit=events, cancel=pages.cancel)
    events.close()


def streamed(pages: Pages, place: Place | None = None, *, looks: Looks | None = None) -> list[dict[str, Any]]:
    """The messages that a page is sent until the server ends, at its second pause."""
    asked = iter([False] * 6 + [True] * 100)
    looks = looks or pages.looks
    looks.fresh()

    async def read() -> list[bytes]:
        return [part async for part in live(looks, place, lambda: next(asked), pause=0)]

    messages = []
    for part in asyncio.run(read())[1:]:
        fields = dict(line.split(": ", 1) for line in part.decode().strip().splitlines())
        messages.append({**fields, "data": json.loads(fields["data"])})
    return messages


def test_the_files_of_the_pages_ask_no_other_host_and_are_small() -> None:
    files = static_files()
    assert sum(map(len, files.values())) < 100_000
    for name, content in files.items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "").replace("://${", "").replace("/\\/", ""), name
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "onclick="):
            assert word not in text, f"{word} in {name}"


@pytest.mark.parametrize("name", [name for name in static_files() if name != "index.html"])
def test_every_file_of_the_pages_is_served(pages: Pages, name: str) -> None:
    answered = pages.browser.get(f"/static/{name}")
    assert (answered.status, answered.body) == (200, static_files()[name])


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/",
        "/static",
        "/../../etc/passwd",
        "/static/index.html/../../guard.py",
        "/.git/config",
    ],
)
def test_no_path_leads_out(pages: Pages, path: str) -> None:
    answered = pages.browser.get(path)
    assert answered.status in {404, 307}
    assert b"import" not in answered.body


def test_the_look_is_what_status_prints(pages: Pages) -> None:
    bring_up(pages)
    session = pages.setting.session
    look = pages.looks.take().to_json()
    assert look["status"] == json.loads(status_json(read_status(session, pages.cancel)))
    assert [step["id"] for step in look["steps"]] == [step.id for step in pages.setting.plan().steps]
    needs = {edge["needs"]: edge["kind"] for edge in look["edges"] if edge["step"] == "release/apps/b"}
    assert needs["release/apps/a"] == "dependsOn"


def test_a_part_says_why_it_is_not_ready_and_who_needs_it(pages: Pages) -> None:
    bring_up(pages)
    world = pages.setting.world
    ref = ObjectRef(api_version="v1", kind="ConfigMap", namespace="apps", name="one")
    world.causes["one"] = Cause(kind=CauseKind.QUOTA, of=ref, object=ref, text=BOLD, fix="kubectl get quota")
    world.unhealthy = {"one": (Health.NOT_READY, "0 of 1")}
    look = pages.looks.take().to_json()
    seen = next(part for part in look["status"]["parts"] if part["name"] == "objects/flux-system/apps")
    assert (seen["health"], seen["causes"][0]["text"]) == ("not ready", BOLD)
    part = pages.browser.get("/api/part?name=objects/flux-system/apps").json
    assert [(each["name"], each["health"], each["text"]) for each in part["objects"]] == [
        ("one", "not ready", "0 of 1")
    ]
    needs = pages.browser.get("/api/part?name=release/apps/b").json
    assert {edge["id"] for edge in needs["needs"]} >= {"release/apps/a", "cluster"}
    assert "release/apps/b" in {
        edge["id"] for edge in pages.browser.get("/api/part?name=release/apps/a").json["needed_by"]
    }


def test_markup_in_names_stays_text(pages: Pages) -> None:
    objects = {**config_map("one"), "data": {"key": BOLD}}
    pages.setting.world.repo = FluxRepo(kustomizations=(kustomization("apps", objects),), releases=())
    answered = pages.browser.get("/api/part?name=objects/flux-system/apps")
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert BOLD in answered.json["manifest"]
    machine = pages.browser.get("/api/machine")
    assert machine.headers["content-type"] == "application/json"
    assert machine.json["checks"][0]["text"] == "<b>little</b>"


def test_secrets_are_in_no_answer(pages: Pages) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "admin", "annotations": {"api-token": "annotated-4711"}},
        "stringData": {"admin-password": "planted-4711"},
    }
    values = {"admin": {"password": "planted-4712", "user": "anna"}, "note": "of planted-4713"}
    pages.secrets.append("planted-4713")
    pages.setting.world.repo = FluxRepo(
        kustomizations=(kustomization("apps", secret),),
        releases=(release("a", values=values, inline_values={"admin": {"user": "anna"}}),),
    )
    texts = [
        pages.browser.get(path).body.decode()
        for path in ("/api/part?name=objects/flux-system/apps", "/api/part?name=release/apps/a", "/api/urls")
    ]
    assert "4711" not in "".join(texts)
    assert "4712" not in "".join(texts)
    assert "4713" not in "".join(texts)
    assert {"path": "admin.user", "value": "anna", "origin": "spec.values"} in json.loads(texts[1])["values"]
    password = {"path": "admin.password", "value": "***", "origin": "spec.valuesFrom or valuesFiles"}
    assert password in json.loads(texts[1])["values"]


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/api/part", "name is missing"),
        ("/api/part?name=release/none", "no part release/none"),
        ("/api/run?name=../../etc/passwd", "there is no run"),
        ("/api/log?name=../../etc/passwd", "has no log"),
        ("/api/resource?id=sqs/orders", "the emulator is not running"),
        ("/api/pods?name=release/apps/a", "the cluster is not running"),
        ("/api/plan?action=down", "there is no action down"),
    ],
)
def test_what_is_not_there_is_said(pages: Pages, target: str, text: str) -> None:
    answered = pages.browser.get(target)
    assert answered.status in {400, 409}
    assert text in answered.json["error"]["what"]


def test_a_page_that_comes_after_the_run_began_has_all_of_it_and_goes_on_after_a_reconnect(pages: Pages) -> None:
    bring_up(pages)
    state, first, look = streamed(pages)
    assert (state["event"], state["data"]) == ("state", {"going_on": False})
    records = first["data"]["records"]
    assert (first["event"], first["data"]["begins"], records[0]["type"]) == ("run", True, "run_started")
    assert (records[-1]["type"], records[-1]["exit_code"]) == ("run_finished", 0)
    assert look["event"] == "look"
    assert "id" not in look
    place = Place.parse(first["id"])
    assert place is not None
    assert [message["event"] for message in streamed(pages, place)] == ["state", "look"]
    half = Place(place.run, len(json.dumps(records[0], separators=(",", ":"))) + 1)
    rest = streamed(pages, half)[1]["data"]
    assert (rest["begins"], rest["records"]) == (False, records[1:])


def test_a_second_page_asks_for_no_second_look(pages: Pages) -> None:
    bring_up(pages)
    looks = pages.looks
    assert streamed(pages, looks=looks)[2]["data"] == streamed(pages, looks=looks)[2]["data"]
    assert looks.latest.number == 1


def test_looks_are_rare_while_a_run_goes_on_and_one_follows_it(pages: Pages) -> None:
    bring_up(pages)
    looks, state, clock = pages.looks, pages.setting.session.state, pages.setting.clock
    assert looks.is_due()
    looks.take()
    assert not looks.is_due()
    clock.advance(3)
    assert looks.is_due()
    run = state.logs / "up-20260102-030500.events.jsonl"
    run.write_text('{"type":"run_started"}\n')
    state.lock.write_text(json.dumps({"pid": os.getpid()}))
    assert not looks.is_due()
    clock.advance(7)
    assert looks.is_due()
    assert looks.take().going_on
    run.write_text('{"type":"run_started"}\n{"type":"run_finished"}\n')
    assert looks.is_due()
    assert not looks.take().going_on
    assert not looks.is_due()


def test_a_page_that_is_opened_beside_a_short_run_takes_none_of_its_time(pages: Pages) -> None:
    bring_up(pages)
    state = pages.setting.session.state
    (state.logs / "up-20260102-030500.events.jsonl").write_text('{"type":"run_started"}\n')
    state.lock.write_text(json.dumps({"pid": os.getpid()}))
    looks = pages.looks
    assert not looks.is_due()
    pages.setting.clock.advance(10)
    assert looks.is_due()


def test_a_stack_that_cannot_be_looked_at_says_why(pages: Pages) -> None:
    pages.setting.world.missing = ("helm",)
    look = pages.looks.take().to_json()
    assert (look["status"], look["errors"][0]["what"]) == (None, "not on this machine: helm")


def test_an_action_needs_its_plan_and_starts_once(pages: Pages) -> None:
    pages.setting.processes.answers = {"bootstrap up": ok()}
    browser = pages.browser
    refused = browser.post("/api/start", {"action": "up", "plan": "guessed"}, **SENT)
    assert (refused.status, refused.json["error"]["what"]) == (409, "the plan of up was not shown")
    shown = browser.get("/api/plan?action=up").json
    assert "release/apps/a" in shown["text"]
    assert pages.verbs == []
    other = browser.post("/api/start", {"action": "repair", "plan": shown["plan"]}, **SENT)
    assert other.status == 409
    shown = browser.get("/api/plan?action=up").json
    assert browser.post("/api/start", {"action": "up", "plan": shown["plan"]}, **SENT).status == 200
    assert browser.post("/api/start", {"action": "up", "plan": shown["plan"]}, **SENT).status == 409


@pytest.mark.parametrize("action", ["pause", "reset", "seed apply"])
def test_an_action_that_would_be_refused_has_no_plan(pages: Pages, action: str) -> None:
    answered = pages.browser.get(f"/api/plan?action={action.replace(' ', '%20')}")
    assert answered.status == 409
    assert "plan" not in answered.json


@pytest.mark.parametrize("body", [[], "up", {"action": ["up"], "plan": ""}, {"action": "up"}, None])
def test_what_no_page_sends_starts_nothing(pages: Pages, body: object) -> None:
    assert pages.browser.post("/api/start", body, **SENT).status == 400
    assert pages.verbs == []


def test_runs_are_listed_with_how_they_ended(pages: Pages) -> None:
    bring_up(pages)
    logs = pages.setting.session.state.logs
    (logs / "up-20260102-030300.events.jsonl").write_text(
        '{"type":"run_started","command":"bootstrap up"}\n{"type":"pla'
    )
    (logs / "up-20260102-030600.events.jsonl").write_text('{"type":"error","what":"no","exit_code":4}\n')
    listed = pages.browser.get("/api/runs").json["runs"]
    assert [(run["run"][-6:], run["ended"], run["exit_code"], run["error"]) for run in listed] == [
        ("030600", "yes", 4, "no"),
        ("030405", "yes", 0, None),
        ("030300", "cut off", None, None),
    ]
    run = pages.browser.get("/api/run?name=up-20260102-030405").json
    assert {bar["step"] for bar in run["timeline"]["steps"]} >= {"cluster", "release/apps/a", "release/apps/b"}
    assert (run["timeline"]["exit_code"], run["errors"]) == (0, [])
    refused = pages.browser.get("/api/run?name=up-20260102-030600").json
    assert (refused["timeline"], refused["errors"][0]["what"]) == (None, "no")


def scope_of(guard: Guard, path: str) -> dict[str, Any]:
    cookie = f"{guard.cookie}={guard.admission}".encode()
    headers = [(b"host", b"127.0.0.1:4000"), (b"cookie", cookie)]
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}


async def stays() -> dict[str, Any]:
    """What a client sends that never goes."""
    await asyncio.Event().wait()
    raise AssertionError


def test_too_many_pages_are_refused(pages: Pages) -> None:
    bring_up(pages)
    guard, statuses = pages.guard, list[int]()

    async def opened() -> None:
        all_there = asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                if len(statuses) == 45:
                    all_there.set()

        clients = [asyncio.ensure_future(guard(scope_of(guard, "/api/live"), stays, send)) for _ in range(45)]
        await all_there.wait()
        for client in clients:
            client.cancel()

    asyncio.run(opened())
    assert (statuses.count(200), statuses.count(503)) == (40, 5)
    assert pages.browser.get("/api/runs").status == 200


def test_a_client_that_does_not_read_holds_up_nobody(pages: Pages) -> None:
    bring_up(pages)
    guard, statuses = pages.guard, list[int]()

    async def both() -> None:
        stuck = asyncio.Event()

        async def never(message: Any) -> None:
            if message["type"] == "http.response.body":
                stuck.set()
                await stays()

        async def send(message: Any) -> None:
            statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

        slow = asyncio.ensure_future(guard(scope_of(guard, "/api/live"), stays, never))
        await stuck.wait()
        await guard(scope_of(guard, "/api/runs"), stays, send)
        slow.cancel()

    asyncio.run(both())
    assert statuses == [200]


def test_the_world_stays_as_it_is_while_it_is_looked_at(pages: Pages) -> None:
    bring_up(pages)
    world: World = pages.setting.world
    before = list(world.writes)
    for path in ("/api/part?name=cluster", "/api/plan?action=up", "/api/plan?action=repair", "/api/urls", "/api/runs"):
        assert pages.browser.get(path).status == 200, path
    streamed(pages)
    assert world.writes == before
