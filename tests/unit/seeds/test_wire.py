"""Requests that are sent again: what an emulator answers while a part of its own is away."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bootstrap.seeds.aws_client import AwsError, Wire
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock

LOST = {
    "__type": "InternalError",
    "message": "exception while calling dynamodb.DescribeTable: ('Connection aborted.', RemoteDisconnected('closed'))",
}


@contextmanager
def answering(*answers: tuple[int, object]) -> Iterator[Callable[[], Wire]]:
    """An emulator that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    class Requests(BaseHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = left.pop(0) if len(left) > 1 else left[0]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        yield lambda: Wire(url, "us-east-1", CancelToken(FakeClock()))
        server.shutdown()


def test_a_read_that_localstack_lost_on_its_way_is_asked_again() -> None:
    with answering((500, LOST), (500, LOST), (200, {"Table": {"TableName": "a"}})) as wire:
        assert wire().call("dynamodb", "DescribeTable", {"TableName": "a"})["Table"]["TableName"] == "a"


@pytest.mark.parametrize(
    ("operation", "answer"),
    [("DeleteTable", LOST), ("DescribeTable", {"__type": "InternalError", "message": "a bug"})],
)
def test_a_write_and_any_other_error_are_not(operation: str, answer: object) -> None:
    with answering((500, answer), (200, {})) as wire, pytest.raises(AwsError, match="InternalError"):
        wire().call("dynamodb", operation, {"TableName": "a"})
