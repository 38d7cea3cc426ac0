"""A kubectl that knows `port-forward` alone: to the pod's port on this machine, until a connection is refused there."""

import os
import socket
import sys

from bootstrap.emulators.relay import Relay


def main() -> None:
    """Forward; as the real one does, tell where, and end with the first connection that the pod does not take."""
    port = int(sys.argv[-1].removeprefix(":"))

    def connect() -> socket.socket:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            sys.stderr.write("error: lost connection to pod\n")
            sys.stderr.flush()
            os._exit(1)

    with Relay(0, connect) as relay:
        sys.stdout.write(f"Forwarding from 127.0.0.1:{relay.server_address[1]} -> {port}\n")
        sys.stdout.flush()
        relay.serve_forever()


if __name__ == "__main__":
    main()
