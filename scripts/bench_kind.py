"""Measures `bootstrap up` on a real kind cluster against the same done step by step in a script, in one run.

task bench-kind                 three rounds
task bench-kind -- --rounds 1   one
  … --against COMMIT            the code on disk and that of an earlier commit instead, turn about: `up` with nothing
                                there, then the node's container is restarted: how long until every container of
                                every pod has started anew and is ready

The platform is that of tests/data/platform: Traefik, the External Secrets operator, an emulator, seeds, a shop. kind,
kubectl, helm and docker have to be on PATH, and the images on the engine. What it makes it takes away.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = ROOT / "tests" / "data" / "platform"
IN_CLUSTER = "http://localstack.localstack.svc:4566"
ALLOWED = 1.15
"""How much longer than machines and the longest chain alone `up` may take."""
ALLOWED_UP, ALLOWED_RESTART = 0.75, 0.5
"""What of an earlier commit's time may be taken."""
_PATIENCE_SECONDS = 180
_ADMIN = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """What runs; all of it is on the engine."""

    node: str = "bootstrap-rig/node:v1.34.4"
    emulator: str = "bootstrap-rig/ministack:1.5.33"
    traefik: str = "bootstrap-rig/traefik:v3.7.15"
    operator: str = "bootstrap-rig/external-secrets:v0.18.2"
    app: str = "bootstrap-rig/http-echo:1.0.0"


@dataclass
class Bench:
    """One folder, one name, and what was measured."""

    folder: Path
    images: Images
    name: str = field(default_factory=lambda: f"bench-{os.getpid()}")
    taken: dict[str, list[float]] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        """A corner of its own; programs and charts come from the user's cache."""
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        return {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "XDG_CACHE_HOME": cache}

    @contextlib.contextmanager
    def measured(self, what: str) -> Iterator[None]:
        """Note how long the block takes."""
        began = time.perf_counter()
        yield
        self.taken.setdefault(what, []).append(time.perf_counter() - began)

    def run(self, *argv: str, stdin: str | None = None) -> str:
        """What it prints; ends the measurement when it fails."""
        ended = subprocess.run(
            argv, cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            raise SystemExit(f"{' '.join(argv)} ended with {ended.returncode}:\n{ended.stderr}{ended.stdout}")
        return ended.stdout

    def bootstrap(self, *arguments: str) -> str:
        """As a user runs it."""
        return self.run(sys.executable, "-m", "bootstrap", *arguments)

    def declare(self) -> None:
        """The stack, with the platform beside it."""
        shutil.copytree(PLATFORM, self.folder / "platform")
        images = self.images
        used = {"traefik_image": images.traefik, "operator_image": images.operator, "app_image": images.app}
        stack = {
            "apiVersion": "bootstrap.dev/v1",
            "kind": "Stack",
            "metadata": {"name": self.name},
            "cluster": {"provider": "kind", "image": images.node, "ports": {"http": port(), "https": port()}},
            "emulator": {"image": images.emulator},
            "seeds": ["../platform/seeds"],
            "source": {"root": "../platform", "path": "clusters/local", "substitute": used},
        }
        (self.folder / "stacks").mkdir()
        (self.folder / "stacks" / f"{self.name}.yaml").write_text(json.dumps(stack))

    def up(self) -> None:
        """Nothing there; nothing to do; away again."""
        try:
            with self.measured("up, nothing there"):
                self.bootstrap("up", self.name)
            with self.measured("up, unchanged"):
                self.bootstrap("up", self.name)
        finally:
            with self.measured("down"):
                self.bootstrap("down", self.name)

    def by_hand(self) -> None:
        """The same, one command after the other."""
        kubeconfig = str(self.folder / "by-hand")
        try:
            with self.measured("script, all of it"):
                with self.measured("kind create cluster --wait"):
                    self.run(
                        "kind", "create", "cluster", "--name", self.name, "--image", self.images.node,
                        "--kubeconfig", kubeconfig, "--wait", "120s",
                    )  # fmt: skip
                self._emulate(kubeconfig)
                self._traefik(kubeconfig)
                self._chain(kubeconfig)
        finally:
            subprocess.run(["docker", "rm", "-fv", f"{self.name}-emulator"], check=False, capture_output=True)
            self.run("kind", "delete", "cluster", "--name", self.name)

    def _emulate(self, kubeconfig: str) -> None:
        with self.measured("emulator and seeds"):
            name, at = f"{self.name}-emulator", port()
            published = f"127.0.0.1:{at}:4566"
            self.run("docker", "run", "-d", "--name", name, "--network", "kind", "-p", published, self.images.emulator)
            answers(at)
            self.bootstrap("seed", "apply", str(PLATFORM / "seeds"), "--endpoint", f"http://127.0.0.1:{at}")
            service = {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "localstack", "namespace": "localstack"},
                "spec": {"type": "ExternalName", "externalName": name, "ports": [{"port": 4566}]},
            }
            self._kubectl(kubeconfig, "create", "namespace", "localstack")
            self._kubectl(kubeconfig, "apply", "-f", "-", stdin=json.dumps(service))
            self._kubectl(kubeconfig, "-n", "kube-system", "rollout", "status", "deployment/coredns")

    def _traefik(self, kubeconfig: str) -> None:
        with self.measured("load and install traefik"):
            self.run("kind", "load", "docker-image", self.images.traefik, "--name", self.name)
            self._helm(kubeconfig, "traefik", f"image={self.images.traefik}")

    def _chain(self, kubeconfig: str) -> None:
        with self.measured("chain: load its images"):
            self.run("kind", "load", "docker-image", self.images.operator, self.images.app, "--name", self.name)
        with self.measured("chain: operator, secrets, shop"):
            self._helm(kubeconfig, "external-secrets", f"image={self.images.operator},endpoint={IN_CLUSTER}")
            self._part(kubeconfig, "secrets")
            self._kubectl(
                kubeconfig, "-n", "shop", "wait", "externalsecret", "--all", "--for=condition=Ready", "--timeout=60s"
            )
            self._part(kubeconfig, "apps")
            self._kubectl(kubeconfig, "-n", "shop", "rollout", "status", "deployment/shop")

    def _helm(self, kubeconfig: str, chart: str, values: str) -> None:
        self.run(
            "helm", "install", chart, str(PLATFORM / "charts" / chart), "--kubeconfig", kubeconfig,
            "--namespace", chart, "--create-namespace", "--wait", "--set", values,
        )  # fmt: skip

    def _part(self, kubeconfig: str, part: str) -> None:
        manifests = self.run("kubectl", "kustomize", str(PLATFORM / part))
        self._kubectl(kubeconfig, "apply", "-f", "-", stdin=manifests.replace("${app_image}", self.images.app))

    def _kubectl(self, kubeconfig: str, *arguments: str, stdin: str | None = None) -> None:
        self.run("kubectl", "--kubeconfig", kubeconfig, *arguments, stdin=stdin)

    def lines(self) -> Iterator[str]:
        """The medians, and what they come to."""
        median = {what: statistics.median(taken) for what, taken in self.taken.items()}
        for what, taken in self.taken.items():
            yield f"{what:32} median {median[what]:6.1f} s   {' '.join(f'{seconds:.1f}' for seconds in taken)}"
        machines, up = median["kind create cluster --wait"], median["up, nothing there"]
        chain = median["chain: operator, secrets, shop"]
        whole = chain + median["chain: load its images"]
        yield f"up / (machines + chain with its images):    {up / (machines + whole):5.2f}   allowed {ALLOWED}"
        yield f"up / (machines + chain, images there):      {up / (machines + chain):5.2f}"
        yield f"up / the script:                            {up / median['script, all of it']:5.2f}"


def port() -> int:
    """A free one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(at: int) -> None:
    """Return once somebody listens there and answers."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", at), timeout=1) as asked:
            asked.sendall(b"GET /_ministack/health HTTP/1.0\r\n\r\n")
            if asked.recv(1):
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {at}")


@dataclass
class Version(Bench):
    """The platform brought up by one version of the code."""

    tree: Path = ROOT

    @property
    def environment(self) -> Mapping[str, str]:
        """The code of its tree comes first."""
        return {**super().environment, "PYTHONPATH": str(self.tree)}

    def round(self) -> None:
        """Nothing there; the node restarted; away again."""
        try:
            with self.measured("up, nothing there"):
                self.bootstrap("up", self.name)
            self._restart()
        finally:
            self.bootstrap("down", self.name)

    def _restart(self) -> None:
        node = self.run("docker", "ps", "--filter", f"name={self.name}", "--format", "{{.Names}}")
        [node] = [name for name in node.splitlines() if name.endswith("-control-plane")]
        with self.measured("restart to all ready, with docker restart"):
            self.run("docker", "restart", node)
            started = self.run("docker", "inspect", "--format", "{{.State.StartedAt}}", node).strip()
            since = datetime.fromisoformat(f"{started[:19]}+00:00")
            with self.measured("restart to all ready, since the node runs"):
                self._wait(node, since)

    def _wait(self, node: str, since: datetime) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(SystemExit):
                pods = json.loads(self.run("docker", "exec", node, *_ADMIN, "get", "pods", "-A", "-o", "json"))["items"]
                if pods and all(is_ready_since(pod, since) for pod in pods):
                    return
            time.sleep(0.2)
        raise SystemExit("not every pod became ready")


def is_ready_since(pod: Mapping[str, Any], since: datetime) -> bool:
    """Whether it is Ready with containers that all started since then."""
    status = pod.get("status", {})
    if status.get("phase") == "Succeeded":
        return True
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    started = [each["state"].get("running", {}).get("startedAt") for each in status.get("containerStatuses") or ()]
    return ready and all(each and datetime.fromisoformat(each) >= since for each in started)


@contextlib.contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """A tree of this commit, gone afterwards."""
    tree = folder / "tree"
    subprocess.run(("git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(tree), commit), check=True)
    try:
        yield tree
    finally:
        subprocess.run(("git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)), check=True)


def report(before: Version, now: Version) -> Iterator[str]:
    """The medians of both, and what of the earlier one's time is taken now."""
    for what, allowed in (
        ("up, nothing there", ALLOWED_UP),
        ("restart to all ready, with docker restart", ALLOWED_RESTART),
        ("restart to all ready, since the node runs", ALLOWED_RESTART),
    ):
        old, new = before.taken[what], now.taken[what]
        ratio = statistics.median(new) / statistics.median(old)
        texts = [" ".join(f"{seconds:.1f}" for seconds in taken) for taken in (old, new)]
        yield f"{what:44} before {texts[0]:18} now {texts[1]:18} ratio {ratio:.2f}, allowed {allowed}"


def compare(folder: Path, images: Images, commit: str, rounds: int) -> None:
    """Measure the code of a commit and that on disk, turn about; print both, and the load."""
    with checked_out(commit, folder) as old:
        versions = []
        for name, tree in (("before", old), ("now", ROOT)):
            corner = folder / name
            corner.mkdir()
            versions.append(Version(folder=corner, images=images, name=f"bench-{name}-{os.getpid()}", tree=tree))
            versions[-1].declare()
        for _ in range(rounds):
            for version in versions:
                print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
                version.round()
        print("\n".join(report(*versions)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="COMMIT")
    for name in ("node", "emulator", "traefik", "operator", "app"):
        parser.add_argument(f"--{name}", metavar="IMAGE", default=getattr(Images(), name))
    asked = parser.parse_args()
    used = Images(
        node=asked.node, emulator=asked.emulator, traefik=asked.traefik, operator=asked.operator, app=asked.app
    )
    with tempfile.TemporaryDirectory(prefix="bench-kind-") as folder:
        if asked.against:
            compare(Path(folder), used, asked.against, asked.rounds)
            return
        bench = Bench(Path(folder), used)
        bench.declare()
        for _ in range(asked.rounds):
            bench.by_hand()
            bench.up()
        print("\n".join(bench.lines()))


if __name__ == "__main__":
    main()
