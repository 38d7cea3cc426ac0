"""`bootstrap timeline` on recorded runs, and what it sends to a receiver on loopback."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap.console.json_lines import event_record, line
from bootstrap.model.event import Event
from fakes.recorded_run import FAILED, UNCHANGED

if TYPE_CHECKING:
    from cli.conftest import Cli

FIRST, LAST = "up-20260102-101500", "up-20260103-080000"


def record(cli: "Cli", name: str, events: Sequence[Event], *, age: int = 0) -> Path:
    file = cli.state.logs / f"{name}.events.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(line(event_record(event)) for event in events))
    at = file.stat().st_mtime - age
    os.utime(file, (at, at))
    return file


@pytest.fixture
def runs(cli: "Cli") -> "Cli":
    cli.stack()
    record(cli, FIRST, FAILED, age=60)
    record(cli, LAST, UNCHANGED)
    return cli


def test_a_run_is_the_last_one_or_named_by_its_log_its_verb_or_its_file(runs: "Cli") -> None:
    assert runs("timeline").out.startswith(f"{LAST}: bootstrap up dev\n")
    assert runs("timeline", "up").out.startswith(f"{LAST}: ")
    assert runs("timeline", FIRST).out.startswith(f"{FIRST}: ")
    file = runs.folder / "ci.jsonl"
    file.write_bytes((runs.state.logs / f"{FIRST}.events.jsonl").read_bytes())
    assert "release/traefik" in runs("timeline", "ci.jsonl").out


def test_json_and_comparison(runs: "Cli") -> None:
    document = json.loads(runs("timeline", FIRST, "-o", "json").out)
    assert (document["run"], document["seconds"], document["exit_code"]) == (FIRST, 102.0, 1)
    compared = runs("timeline", "--compare", FIRST).out
    assert "release/traefik" in compared
    assert "-1m41s in sum" in compared
    assert json.loads(runs("timeline", "--compare", FIRST, "-o", "json").out)["compared_with"] == FIRST


def test_files_are_written_and_nothing_is_printed(runs: "Cli") -> None:
    ended = runs("timeline", FIRST, "--html", "t.html", "--trace", "t.json", "--compare", LAST)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    page = (runs.folder / "t.html").read_text()
    assert "What became slower" in page
    assert json.loads((runs.folder / "t.json").read_text())["traceEvents"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("timeline", "dev"), 2, "if dev is a stack: --stack dev"),
        (("timeline", "--stack", "other"), 4, "no run of stack other is recorded"),
        (("timeline", "./gone.jsonl"), 4, "gone.jsonl cannot be read"),
        (("timeline", "--html", "gone/t.html"), 2, "the folder gone does not exist"),
        (("timeline", "--otlp"), 2, "OTEL_EXPORTER_OTLP_ENDPOINT is not set"),
        (("timeline", "--otlp", "grpc://127.0.0.1:4317"), 2, "not an HTTP address"),
        (("timeline", "--otlp", "http://127.0.0.1:1"), 1, "http://127.0.0.1:1/v1/traces does not answer"),
    ],
)
def test_what_is_wrong_is_named(runs: "Cli", words: tuple[str, ...], code: int, text: str) -> None:
    ended = runs(*words)
    assert ended.code == code
    assert text in ended.err


def test_a_file_without_a_run_is_refused(cli: "Cli") -> None:
    (cli.folder / "empty.jsonl").write_text('{"type": "half')
    ended = cli("timeline", "empty.jsonl")
    assert (ended.code, "no run has begun in empty.jsonl" in ended.err) == (4, True)


@dataclass
class Receiver:
    """A collector that keeps what it is sent."""

    url: str = ""
    status: int = 200
    answer: bytes = b"{}"
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.requests.append((self.path, headers, body))
            self.send_response(kept.status)
            self.send_header("Content-Length", str(len(kept.answer)))
            self.end_headers()
            self.wfile.write(kept.answer)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_are_sent_to_the_url_that_is_given(runs: "Cli", receiver: Receiver) -> None:
    ended = runs("timeline", FIRST, "--otlp", receiver.url)
    assert (ended.code, ended.out) == (0, "")
    (path, headers, body) = receiver.requests[0]
    assert (path, headers["content-type"]) == ("/v1/traces", "application/json")
    resource = json.loads(body)["resourceSpans"][0]
    assert {"key": "service.name", "value": {"stringValue": "bootstrap"}} in resource["resource"]["attributes"]
    names = [span["name"] for span in resource["scopeSpans"][0]["spans"]]
    assert names[0] == "bootstrap up"
    assert "release/traefik/traefik" in names


def test_the_standard_variables_count_where_it_is_asked_for(
    runs: "Cli", receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{receiver.url}/base")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken-of-a-test,x-team=shop")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "platform")
    assert runs("timeline", FIRST).code == 0
    assert receiver.requests == []
    assert runs("timeline", FIRST, "--otlp").code == 0
    (path, headers, body) = receiver.requests[0]
    assert (path, headers["authorization"], headers["x-team"]) == (
        "/base/v1/traces",
        "Bearer t0ken-of-a-test",
        "shop",
    )
    assert b'"stringValue":"platform"' in body
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{receiver.url}/own")
    assert runs("timeline", FIRST, "--otlp").code == 0
    assert receiver.requests[1][0] == "/own"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert "only HTTP is spoken" in runs("timeline", FIRST, "--otlp").err


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (401, b"no such Bearer t0ken-of-a-test"),
        (200, b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "Bearer t0ken-of-a-test is old"}}'),
    ],
)
def test_a_trace_that_is_not_accepted_is_an_error_without_the_secret(
    runs: "Cli", receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int, answer: bytes
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken-of-a-test")
    receiver.status, receiver.answer = status, answer
    ended = runs("timeline", FIRST, "--otlp", receiver.url)
    assert ended.code == 1
    assert f"did not accept the trace: HTTP {status}" in ended.err
    assert "***" in ended.err
    assert "t0ken" not in ended.err
