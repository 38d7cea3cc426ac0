"""A wire between a browser and a server, which a test can cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Wire:
    """Carries connections from its own port to another one of this machine, while it is whole."""

    def __init__(self) -> None:
        self.target = 0
        self._whole = True
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and no other is made."""
        self._whole = False
        self._close()

    def restore(self) -> None:
        """Carry connections again."""
        self._whole = True

    def close(self) -> None:
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = self._connected()
                if there is None:
                    here.close()
                    continue
                with self._lock:
                    self._open += [here, there]
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _connected(self) -> socket.socket | None:
        if not self._whole:
            return None
        try:
            return socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            return None

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                sink.sendall(piece)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _close(self) -> None:
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """One that is gone at the end of the block."""
    between = Wire()
    try:
        yield between
    finally:
        between.close()
