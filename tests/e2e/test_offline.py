"""A stack comes up from a bundle where no route leads anywhere, with nothing else on the machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

ROOT = Path(__file__).parents[2]
STACK = """\
apiVersion: bootstrap.dev/v1
kind: Stack
cluster: {provider: kwok}
seeds: [seeds.yaml]
"""
SEEDS = "apiVersion: bootstrap.dev/v1\nkind: Seeds\nsqs: {orders: {}}\n"


def _sealed() -> tuple[str, ...]:
    """The command line before one that runs in a network of its own, which has a loopback alone."""
    users = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *users, "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')


def _is_permitted() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run((*_sealed(), "true"), check=False, capture_output=True).returncode == 0


def _environment(folder: Path) -> Mapping[str, str]:
    """Of a user who has nothing but what the bundle brings."""
    own = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CACHE")}
    return {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **own}


def _run(folder: Path, environment: Mapping[str, str], *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.skipif(not _is_permitted(), reason="a network of one's own is not permitted")
def test_it_comes_up_from_a_bundle_alone(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/dev.yaml").write_text(STACK)
    (tmp_path / "stacks/seeds.yaml").write_text(SEEDS)
    bootstrap = (sys.executable, "-m", "bootstrap")
    made = _run(tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)}, *bootstrap, "bundle", "create", "b.tar.zst")
    assert made.returncode == 0, made.stderr
    there = _environment(tmp_path)
    refused = _run(tmp_path, there, *_sealed(), *bootstrap, "up", "--offline")
    assert refused.returncode == 4, refused.stderr
    missing = [line.strip() for line in refused.stderr.splitlines()]
    assert "program kwok: bootstrap tools fetch kwok" in missing
    assert "program kube-apiserver: bootstrap tools fetch kube-apiserver" in missing
    try:
        up = _run(tmp_path, there, *_sealed(), *bootstrap, "up", "--offline", "--bundle", "b.tar.zst")
        assert up.returncode == 0, up.stderr
        assert "brought out of" in up.stderr
        assert "seeds: 1 created" in up.stderr
    finally:
        assert _run(tmp_path, there, *bootstrap, "down").returncode == 0
