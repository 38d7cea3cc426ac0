"""A project with one stack on kind, in a user's corner of its own, and what is left of it anywhere."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.docker.engine import connect
from bootstrap.state.paths import cache_folder

NODE = os.environ.get("BOOTSTRAP_TEST_KIND_IMAGE", "bootstrap-rig/node:v1.34.4")
EMULATOR = os.environ.get("BOOTSTRAP_TEST_EMULATOR_IMAGE", "bootstrap-rig/ministack:1.5.33")
ECHO = os.environ.get("BOOTSTRAP_TEST_ECHO_IMAGE", "bootstrap-rig/http-echo:1.0.0")
STACK = """
apiVersion: bootstrap.dev/v1
kind: Stack
metadata: {{name: {name}}}
cluster: {{provider: kind, image: "{node}"}}
emulator: {{image: "{emulator}"}}
seeds: [seeds.yaml]
"""
SEEDS = """
apiVersion: bootstrap.dev/v1
kind: Seeds
s3:
  artefacts: {objects: {greeting: hello}}
secretsmanager:
  db: {json: {password: {generate: {length: 20}}}}
"""
KUBECONFIG = "apiVersion: v1\nkind: Config\ncurrent-context: theirs\n"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    output: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with one stack in it."""

    folder: Path
    stack: str
    """Unique on the engine."""

    def write(self) -> "Project":
        """Have its files on disk."""
        (self.folder / "stacks").mkdir(parents=True)
        text = STACK.format(name=self.stack, node=NODE, emulator=EMULATOR)
        (self.folder / "stacks" / f"{self.stack}.yaml").write_text(text)
        (self.folder / "stacks" / "seeds.yaml").write_text(SEEDS)
        self.kubeconfig.parent.mkdir(parents=True)
        self.kubeconfig.write_text(KUBECONFIG)
        return self

    @property
    def kubeconfig(self) -> Path:
        """The user's own."""
        return self.folder / "home" / ".kube" / "config"

    @property
    def state(self) -> Path:
        """Where all stacks of this user keep what they remember."""
        return self.folder / "state" / "bootstrap"

    def environment(self, **more: str) -> Mapping[str, str]:
        """The user's."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_", "DOCKER_"))}
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            **more,
        }

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """A command that is not waited for."""
        log = (self.folder / "started.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "bootstrap", *arguments],
                cwd=self.folder,
                env=self.environment(**more),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *arguments: str, **more: str) -> Ended:
        """A command to its end."""
        ended = subprocess.run(
            [sys.executable, "-m", "bootstrap", *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(code=ended.returncode, output=ended.stdout + ended.stderr)

    def done(self, *arguments: str, **more: str) -> str:
        """What a command told that ended well."""
        ended = self.run(*arguments, **more)
        assert ended.code == 0, ended.output
        return ended.output

    def on_engine(self, mark: str = "") -> set[str]:
        """Ids of everything whose name or labels hold the stack's name, or this."""
        client = connect(os.environ, seconds=60)
        try:
            resources = [
                *client.api.containers(all=True),
                *client.api.networks(),
                *(client.api.volumes()["Volumes"] or ()),
            ]
        finally:
            client.close()
        return {
            str(resource.get("Id") or resource["Name"])
            for resource in resources
            if (mark or self.stack) in str(resource)
        }

    def processes(self) -> list[str]:
        """The command line of everything that runs with this user's state folder in its environment."""
        mark = f"XDG_STATE_HOME={self.folder / 'state'}".encode()
        told_processes = (_told(process) for process in Path("/proc").glob("[0-9]*"))
        return [arguments for arguments, environment in told_processes if arguments and mark in environment]


def _told(process: Path) -> tuple[str, bytes]:
    """Command line and environment; empty for one that is gone, or is nobody's to read."""
    try:
        arguments = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return arguments, (process / "environ").read_bytes()
    except OSError:
        return "", b""
