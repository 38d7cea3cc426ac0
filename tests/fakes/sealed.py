"""Runs an embedded cluster in a network of its own, and tells of every packet that would have left the machine.

To be run by `unshare --net`. The default route, where there is one, leads to a tunnel whose other end is here.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from fakes.embedded import Embedded
from fakes.programs import real_programs

_CHARTS = Path(__file__).parent.parent / "data" / "charts"
_CONTROL = "198.51.100.9"
"""Where one packet is sent on purpose, to see that none is overlooked (RFC 5737: nobody's)."""
_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001

_UNREACHED = (
    # Each would make the API server call a pod, a Service, a machine or a webhook; all must fail, and at once.
    "/api/v1/namespaces/default/services/webhooks:443/proxy/",
    "/api/v1/nodes/control-plane/proxy/metrics",
    "/apis/aggregated.test/v1",
    "/apis/conversions.test/v2/conversions",
)


def main(folder: str, route: str) -> None:
    """Prints what was sent where as JSON."""
    ip("link", "set", "lo", "up")
    tunnel = open_tunnel() if route == "tunnel" else None
    embedded = Embedded(Path(folder))
    embedded.up()
    try:
        exercise(embedded)
    finally:
        embedded.delete()
    if tunnel is not None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            control.sendto(b"control", (_CONTROL, 9))
    sys.stdout.write(json.dumps([] if tunnel is None else destinations(tunnel)))


def exercise(embedded: Embedded) -> None:
    kubectl(embedded, "create", "namespace", "other")
    helm = (str(real_programs().path("helm")), "install", "webhooks", str(_CHARTS / "webhooks"), "--wait")
    subprocess.run(helm, env=environment(embedded), check=True, stdout=sys.stderr, timeout=60)
    kubectl(embedded, "create", "configmap", "admitted", "--from-literal=a=b")
    kubectl(embedded, "apply", "-f", str(_CHARTS / "webhooks" / "unreached.yaml"))
    kubectl(embedded, "wait", "--for=condition=Established", "crd/conversions.conversions.test", "--timeout=30s")
    kubectl(embedded, "apply", "-f", str(_CHARTS / "webhooks" / "stored.yaml"))
    for path in _UNREACHED:
        assert not kubectl(embedded, "get", "--raw", path, check=False), f"{path} was answered"
    pod = kubectl(embedded, "get", "pods", "-l", "app=webhooks", "-o", "name").split()[0]
    assert not kubectl(embedded, "logs", pod, check=False)
    assert not kubectl(embedded, "exec", pod, "--", "true", check=False)
    kubectl(embedded, "delete", "apiservice", "v1.aggregated.test")
    kubectl(embedded, "delete", "namespace", "other")


def kubectl(embedded: Embedded, *arguments: str, check: bool = True) -> str:
    command = (str(real_programs().path("kubectl")), *arguments)
    finished = subprocess.run(command, env=environment(embedded), check=False, capture_output=True, timeout=60)
    sys.stderr.write(f"{arguments}: {finished.stderr.decode()}\n")
    if check and finished.returncode != 0:
        sys.exit(f"kubectl {' '.join(arguments)} failed")
    return finished.stdout.decode() if finished.returncode == 0 else ""


def environment(embedded: Embedded) -> dict[str, str]:
    return {"KUBECONFIG": str(embedded.state.kubeconfig), "HOME": str(embedded.state.folder), "PATH": "/bin"}


def ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True, stdout=sys.stderr)


def open_tunnel() -> int:
    """Send everything that is not for this machine to us."""
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")  # it would announce itself
    tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tunnel, _TUNSETIFF, struct.pack("16sH", b"out", _TUN_WITHOUT_HEADER))
    ip("address", "add", "198.51.100.1/32", "dev", "out")
    ip("link", "set", "out", "up")
    ip("route", "add", "default", "dev", "out")
    return tunnel


def destinations(tunnel: int) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            packet = os.read(tunnel, 65536)
        except BlockingIOError:
            return lines
        lines.append(socket.inet_ntoa(packet[16:20]) if packet[0] >> 4 == 4 else packet.hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
