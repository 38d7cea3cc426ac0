"""Nothing of the embedded cluster ever leaves the machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import sealed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]


def own_network(*command: str) -> tuple[str, ...]:
    """The command line that runs this in a network of its own."""
    users = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *users, "--net", *command)


def permitted(*command: str) -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run(own_network(*command), check=False, capture_output=True).returncode == 0


def sent(folder: Path, route: str) -> list[str]:
    """The destinations of all packets that a cluster, and a chart that makes it call others, sent."""
    environment = {**os.environ, "PYTHONPATH": str(Path(sealed.__file__).parent.parent)}
    finished = subprocess.run(
        own_network(sys.executable, sealed.__file__, str(folder), route),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    packets: list[str] = json.loads(finished.stdout)
    return packets


@pytest.mark.skipif(not permitted("ip", "link", "set", "lo", "up"), reason="a network of one's own is not permitted")
def test_it_works_where_no_route_leads_anywhere(tmp_path: Path) -> None:
    assert sent(tmp_path, "none") == []


@pytest.mark.skipif(
    not permitted("ip", "tuntap", "add", "dev", "out", "mode", "tun"), reason="a tunnel is not permitted here"
)
def test_it_sends_nothing_where_a_route_leads_out(tmp_path: Path) -> None:
    assert sent(tmp_path, "tunnel") == ["198.51.100.9"], "only the packet sent on purpose"
