"""A relay to the emulator on this machine, which knows whether anything went through it."""

import contextlib
import socket
import threading
from collections.abc import Iterator

_SIZE = 1 << 16


class Relay:
    """Passes every connection on; `touched` is set by the first byte that any client sends.

    Whoever uses the address, in this process or another one, with whatever client, is seen.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._touched = threading.Event()
        threading.Thread(target=self._accept, name="bootstrap-relay", daemon=True).start()

    @property
    def url(self) -> str:
        """The address of the emulator for the tests."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def touched(self) -> bool:
        """Whether something was sent since `reset`."""
        return self._touched.is_set()

    def reset(self) -> None:
        """Forget what was sent."""
        self._touched.clear()

    def close(self) -> None:
        """Accept nothing more."""
        # A thread that waits in accept is woken by this, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        for client in self._clients():
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _clients(self) -> Iterator[socket.socket]:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            yield client

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            for connection in (client, server):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
            answers.start()
            self._pump(client, server, True)  # noqa: FBT003 - as of a thread
            answers.join()

    def _pump(self, source: socket.socket, sink: socket.socket, mark: bool) -> None:  # noqa: FBT001 - of a thread
        with contextlib.suppress(OSError):
            while content := source.recv(_SIZE):
                if mark:
                    self._touched.set()
                sink.sendall(content)
        # The other end sees that this one has ended.
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
