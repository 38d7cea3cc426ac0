"""Snapshots of the embedded platform: what was written since goes, whatever was killed in between."""

import json
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from bootstrap.state.paths import cache_folder
from fakes.programs import real_programs
from fakes.snapshot_kills import killed_at

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

ROOT = Path(__file__).parents[2]
SEQUENCES = int(os.environ.get("BOOTSTRAP_TEST_SNAPSHOT_SEQUENCES", "3"))
SEED = int(os.environ.get("BOOTSTRAP_TEST_SNAPSHOT_SEED", "1"))
STACK = """\
apiVersion: bootstrap.dev/v1
kind: Stack
cluster: {provider: kwok}
seeds: [seeds.yaml]
source: {path: cluster}
"""
SEEDS = """\
apiVersion: bootstrap.dev/v1
kind: Seeds
sqs: {orders: {}}
dynamodb: {orders: {keys: {partition: id}, items: [{id: "1"}]}}
s3: {files: {objects: {a.txt: {text: hello}}}}
"""
OBJECTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {color: red}
"""


@dataclass
class Platform:
    """A stack of its own, in a folder and a home of its own."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def written(self) -> "Platform":
        stacks = self.folder / "stacks"
        (stacks / "cluster").mkdir(parents=True)
        (stacks / "dev.yaml").write_text(STACK)
        (stacks / "seeds.yaml").write_text(SEEDS)
        (stacks / "cluster" / "objects.yaml").write_text(OBJECTS)
        return self

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL", "LANG"))
        }
        return {
            **kept,
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            "PYTHONPATH": str(ROOT),
        }

    @property
    def state(self) -> Path:
        return next((self.home / "state" / "bootstrap").iterdir())

    def run(
        self, *arguments: str, program: tuple[str, ...] = ("-m", "bootstrap")
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *program, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        finished = self.run(*arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def killed(self, phase: str, *arguments: str) -> None:
        """Run a command that is killed when it comes to this phase."""
        finished = self.run(*arguments, program=killed_at(phase)[1:])
        assert finished.returncode == -9, finished.stdout + finished.stderr

    def kubectl(self, *arguments: str) -> str:
        command = (str(real_programs().path("kubectl")), "--kubeconfig", str(self.state / "kubeconfig"), *arguments)
        finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def aws(self, service: str) -> Any:  # boto3's clients have no type of their own
        record = json.loads((self.state / "emulator" / "emulator.json").read_text())
        return boto3.client(
            service,  # type: ignore[call-overload]  # any of them
            endpoint_url=f"http://127.0.0.1:{record['port']}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def is_as_saved(self) -> bool:
        """Whether nothing differs from snapshot a, and everything is as declared."""
        assert self.run("plan", "--exit-code", "-q").returncode == 0
        assert self.run("seed", "plan", "--exit-code", "-q").returncode == 0
        return self.run("snapshot", "diff", "a", "--exit-code").returncode == 0


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One that has a snapshot `a`; tests leave it as in that."""
    new = Platform(tmp_path_factory.mktemp("platform") / "project").written()
    new.done("up")
    new.done("snapshot", "save", "a")
    yield new
    new.run("down")


def pods_start(platform: Platform) -> None:
    """The controllers work, and see the world of now."""
    platform.kubectl("create", "deployment", "probe", "--image=nginx", "--replicas=2")
    platform.kubectl("rollout", "status", "deployment/probe", "--timeout=60s")
    platform.kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=60s")
    platform.kubectl("delete", "deployment", "probe", "--wait=true", "--cascade=foreground")


def write(platform: Platform, chance: random.Random) -> None:
    """One write of any kind, to cluster or emulator."""
    name = f"n{chance.randrange(10**9)}"
    match chance.randrange(8):
        case 0:
            platform.kubectl("create", "namespace", name)
        case 1:
            platform.kubectl("create", "configmap", name, "-n", "shop", f"--from-literal=a={name}")
        case 2:
            platform.kubectl(
                "patch", "configmap", "settings", "-n", "shop", "-p", json.dumps({"data": {"color": name}})
            )
        case 3:
            platform.kubectl("create", "deployment", name, "--image=nginx", "-n", "shop")
        case 4:
            platform.kubectl("delete", "configmap", "settings", "-n", "shop", "--ignore-not-found")
            platform.kubectl("create", "configmap", "settings", "-n", "shop", "--from-literal=color=green")
        case 5:
            platform.aws("dynamodb").put_item(TableName="orders", Item={"id": {"S": name}})
        case 6:
            platform.aws("s3").put_object(Bucket="files", Key=chance.choice(["a.txt", name]), Body=name.encode())
        case _:
            queue = platform.aws("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
            platform.aws("sqs").send_message(QueueUrl=queue, MessageBody=name)
            platform.aws("sqs").create_queue(QueueName=name)


@pytest.mark.parametrize("sequence", range(SEQUENCES))
def test_after_any_writes_a_restore_brings_everything_back(platform: Platform, sequence: int) -> None:
    chance = random.Random(SEED * 1000 + sequence)  # noqa: S311 - which writes, the same ones every time
    for _ in range(chance.randrange(2, 6)):
        write(platform, chance)
    assert platform.run("snapshot", "diff", "a", "--exit-code").returncode == 10
    platform.done("snapshot", "restore", "a")
    pods_start(platform)
    assert platform.is_as_saved()


@pytest.mark.parametrize("phase", ["stop", "copy", "name", "start"])
def test_a_killed_save_leaves_the_platform_as_it_was(platform: Platform, phase: str) -> None:
    platform.killed(phase, "snapshot", "save", "b")
    status = platform.run("status")
    assert status.returncode == 1
    assert "its save was cut off" in status.stdout
    platform.done("up")
    assert platform.is_as_saved()
    # One that was whole already stays; of any other nothing is left.
    names = {entry["name"] for entry in json.loads(platform.done("snapshot", "list", "-o", "json"))["snapshots"]}
    assert names == ({"a", "b"} if phase in {"name", "start"} else {"a"})
    assert [entry.name for entry in (platform.state / "snapshots").glob(".*")] == []
    if phase in {"name", "start"}:
        platform.done("snapshot", "rm", "b")


@pytest.mark.parametrize("phase", ["stage", "stop", "exchange", "start", "refill", "clear"])
def test_a_killed_restore_leaves_the_platform_as_before_or_as_saved(platform: Platform, phase: str) -> None:
    platform.kubectl("create", "namespace", "left-behind")
    platform.aws("dynamodb").put_item(TableName="orders", Item={"id": {"S": "left-behind"}})
    platform.killed(phase, "snapshot", "restore", "a")
    status = platform.run("status")
    assert status.returncode == 1
    assert "its restore was cut off" in status.stdout
    platform.done("up")
    restored = platform.run("snapshot", "diff", "a", "--exit-code").returncode == 0
    assert restored is (phase not in {"stage", "stop"})
    platform.done("snapshot", "restore", "a")
    assert platform.is_as_saved()


def test_what_an_emulator_keeps_nowhere_is_made_again(tmp_path: Path) -> None:
    new = Platform(tmp_path / "project").written()
    stack = new.folder / "stacks" / "dev.yaml"
    stack.write_text(stack.read_text() + "emulator: {driver: moto}\n")
    try:
        new.done("up")
        queue = new.aws("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
        new.aws("sqs").send_message(QueueUrl=queue, MessageBody="saved")
        saved = new.run("snapshot", "save", "a").stderr
        assert "not kept: AWS services other than dynamodb, lambda, s3, secretsmanager, sns and sqs" in saved
        new.aws("sqs").delete_queue(QueueUrl=queue)
        new.aws("s3").put_object(Bucket="files", Key="later", Body=b"later")
        new.done("snapshot", "restore", "a")
        assert new.is_as_saved()
        assert new.aws("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "saved"
    finally:
        new.run("down")


def test_two_at_once_are_kept_apart(platform: Platform) -> None:
    held = textwrap.dedent("""\
        import sys
        from pathlib import Path
        from bootstrap.system.filelock import hold
        with hold(Path(sys.argv[1]), "bootstrap snapshot save other"):
            print("held", flush=True)
            sys.stdin.read()
    """)
    command = [sys.executable, "-c", held, str(platform.state / "lock")]
    with subprocess.Popen(command, env=platform.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        refused = platform.run("snapshot", "restore", "a")
        other.communicate()
    assert refused.returncode == 4
    assert "another run changes this stack" in refused.stderr


def test_a_snapshot_that_does_not_fit_is_refused(platform: Platform) -> None:
    manifest = platform.state / "snapshots" / "a" / "snapshot.json"
    saved = manifest.read_text()
    changes: list[tuple[dict[str, Any], str]] = [
        ({"format": 99}, "its format is version 99"),
        ({"stack": "other-0123456789"}, "it is of stack other-0123456789"),
        ({"facts": {**json.loads(saved)["facts"], "Kubernetes version": "1.20"}}, "its Kubernetes version is 1.20"),
    ]
    try:
        for change, text in changes:
            manifest.write_text(json.dumps({**json.loads(saved), **change}))
            refused = platform.run("snapshot", "restore", "a")
            assert refused.returncode == 4
            assert text in refused.stderr
    finally:
        manifest.write_text(saved)
    assert platform.is_as_saved()


def test_nobody_else_can_read_it(platform: Platform) -> None:
    for entry in (platform.state / "snapshots").rglob("*"):
        assert entry.stat().st_mode & 0o077 == 0, entry


def test_a_file_of_it_begins_a_new_platform(platform: Platform, tmp_path: Path) -> None:
    platform.aws("dynamodb").put_item(TableName="orders", Item={"id": {"S": "exported"}})
    file = tmp_path / "platform.tar.gz"
    platform.done("snapshot", "save", "b")
    told = platform.run("snapshot", "export", "b", str(file)).stderr
    assert "it holds secrets" in told
    assert file.stat().st_mode & 0o777 == 0o600
    platform.done("down")
    assert not list((platform.home / "state").glob("*/*"))
    up = platform.run("up", "--from-snapshot", str(file), "--snapshot")
    assert up.returncode == 0, up.stderr
    assert "begins with snapshot b" in up.stderr
    assert platform.run("snapshot", "diff", "b", "--exit-code").returncode == 0
    items = platform.aws("dynamodb").scan(TableName="orders")["Items"]
    assert {item["id"]["S"] for item in items} == {"1", "exported"}
    platform.aws("dynamodb").delete_item(TableName="orders", Key={"id": {"S": "exported"}})
    platform.done("reset")
    assert platform.run("snapshot", "diff", "b", "--exit-code").returncode == 0
    platform.done("snapshot", "restore", "after-up")
    platform.done("snapshot", "save", "a", "--overwrite")
