"""An emulator in memory, on a loopback port: it proves itself as MiniStack does, and keeps one parameter."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HEALTH = {"services": {"ssm": "available", "sts": "available"}, "edition": "test", "ready_scripts": {}, "version": "9"}
_ACCOUNT = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass
class FakeEmulator:
    """What it holds; empty it is new."""

    port: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    booting: int = 0
    """Requests that it still closes without an answer."""

    def answer(self, target: str, body: bytes) -> tuple[int, object]:
        """As the Parameter Store would."""
        asked = json.loads(body)
        if target.endswith("PutParameter"):
            self.parameters.setdefault(asked["Name"], asked["Value"])
            return 200, {"Version": 1}
        if asked["Name"] not in self.parameters:
            return 400, {"__type": "ParameterNotFound"}
        return 200, {"Parameter": {"Value": self.parameters[asked["Name"]]}}


@contextmanager
def fake_emulator() -> Iterator[FakeEmulator]:
    """One that answers until the end of the block."""
    emulator = FakeEmulator()

    class Requests(BaseHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            if emulator.booting:
                emulator.booting -= 1
                self.close_connection = True
                return
            is_health = self.path == "/_ministack/health"
            self._send(200 if is_health else 404, json.dumps(_HEALTH if is_health else {}).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if target := self.headers.get("X-Amz-Target"):
                status, payload = emulator.answer(target, body)
                self._send(status, json.dumps(payload).encode())
            else:
                self._send(200, _ACCOUNT.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        emulator.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()
        yield emulator
        server.shutdown()
        serving.join()
