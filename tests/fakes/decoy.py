"""A server that pretends, and remembers every request it was sent."""

import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Reply = Callable[["Seen"], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    body: bytes

    @property
    def harmless(self) -> bool:
        """Whether it can change nothing: a health route, or the question who one is."""
        if self.method == "GET":
            return self.path in {"/_ministack/health", "/_floci/health", "/_localstack/health", "/moto-api/config"}
        return self.method == "POST" and self.path == "/" and self.body.startswith(b"Action=GetCallerIdentity&")


class Decoy(socketserver.ThreadingTCPServer):
    """Answers whatever `reply` says, byte by byte when `drip`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Peer)
        self.seen: list[Seen] = []
        self.reply: Reply = lambda _seen: b""
        self.drip = False
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Peer(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Decoy)
        request = self.rfile.readline().decode("latin-1").split()
        if len(request) < 2:
            server.seen.append(Seen(method="?", path="?", body=b""))
            return
        length = 0
        while (line := self.rfile.readline().decode("latin-1").strip()) != "":
            if line.lower().startswith("content-length:"):
                length = int(line.partition(":")[2])
        seen = Seen(method=request[0], path=request[1], body=self.rfile.read(length))
        server.seen.append(seen)
        answer = server.reply(seen)
        try:
            self._send(answer, slowly=server.drip)
        except OSError:
            return  # the other side had enough

    def _send(self, answer: bytes, *, slowly: bool) -> None:
        if not slowly:
            self.wfile.write(answer)
            return
        for byte in answer:
            self.wfile.write(bytes((byte,)))
            time.sleep(0.1)
