"""Stack quickstart, end to end: the embedded cluster, a real emulator, helm and kubectl, as a user would run it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.state.paths import cache_folder

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
UP = ("up", "quickstart", "--provider", "kwok", "--progress", "json")


@dataclass
class Home:
    """A user's own corner: where bootstrap keeps its things, and where it is called from."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL", "LANG"))
        }
        return {
            **kept,
            "HOME": str(self.folder / "nowhere"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            "AWS_PROFILE": "production",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "KUBECONFIG": str(self.folder / "not-ours"),
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "bootstrap", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=300)
            return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def succeed(self, *arguments: str) -> str:
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def events(self, *arguments: str) -> list[dict[str, Any]]:
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stderr.splitlines()]

    def processes(self) -> list[str]:
        """Command lines of every process that was started for this home."""
        lines = []
        for entry in Path("/proc").iterdir():
            try:
                marks = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                where = str((entry / "cwd").readlink())
            except (OSError, UnicodeDecodeError):
                continue
            if str(self.folder).encode() in marks or where.startswith(str(self.folder)):
                lines.append(command)
        return lines


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    folder = tmp_path / "poste de développement ☂"
    folder.mkdir()
    new_home = Home(folder)
    yield new_home
    new_home.run("down", "quickstart")
    assert new_home.processes() == []


def statuses(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["step"]: event["status"] for event in events if event["type"] == "step_finished"}


def test_up_twice_used_by_hand_and_down(home: Home) -> None:
    events = home.events(*UP)
    first = statuses(events)
    assert set(first.values()) == {"done"}
    the_critical_path_is_the_whole_run(home, events[-1]["seconds"])
    assert {"cluster", "emulator", "seeds", "release/feature-flags/feature-flags", "release/catalog/catalog"} <= set(
        first
    )

    again = home.events(*UP)
    assert set(statuses(again).values()) == {"unchanged"}
    assert statuses(again).keys() == first.keys() - {"programs"}

    status = json.loads(home.succeed("status", "quickstart", "--output", "json"))
    assert {part["health"] for part in status["parts"]} <= {"up", "simulated"}

    used_by_hand(home)
    repaired_by_the_next_up(home)

    home.succeed("down", "quickstart")
    assert home.processes() == []
    assert [*(home.folder / "state").iterdir()] == []


def used_by_hand(home: Home) -> None:
    in_stack = ("run", "--stack", "quickstart", "--")
    releases = json.loads(home.succeed(*in_stack, "helm", "list", "-A", "-o", "json"))
    assert {(release["name"], release["status"]) for release in releases} == {
        ("feature-flags", "deployed"),
        ("catalog", "deployed"),
    }
    flags = json.loads(home.succeed(*in_stack, "kubectl", "get", "featureflags", "-A", "-o", "json"))
    assert flags["items"]
    read = (
        "import boto3;"
        "print(len(boto3.client('s3').list_buckets()['Buckets']), "
        "boto3.client('sts').get_caller_identity()['Account'], "
        "len(boto3.client('secretsmanager').list_secrets()['SecretList']) > 0)"
    )
    buckets, account, secrets = home.succeed(*in_stack, sys.executable, "-c", read).split()
    assert (int(buckets) > 0, account, secrets) == (True, "000000000000", "True")
    shell = home.succeed("env", "quickstart")
    assert "unset AWS_PROFILE" in shell
    kubeconfig = Path(home.succeed("kubeconfig", "quickstart").strip())
    assert kubeconfig.stat().st_mode & 0o777 == 0o600


def the_critical_path_is_the_whole_run(home: Home, seconds: float) -> None:
    timeline = json.loads(home.succeed("timeline", "--stack", "quickstart", "--output", "json"))
    path = timeline["critical_path"]
    assert sum(part["seconds"] for part in path) == pytest.approx(seconds, rel=0.05)
    assert {"planning", "release/catalog/catalog"} <= {part["step"] for part in path}
    lanes = {step["lane"] for step in timeline["steps"]}
    assert lanes >= {"cluster", "emulator", "seeds", "CRDs", "releases", "objects"}


def repaired_by_the_next_up(home: Home) -> None:
    in_stack = ("run", "--stack", "quickstart", "--")
    home.succeed(*in_stack, "helm", "uninstall", "catalog", "-n", "catalog")
    home.succeed(*in_stack, "kubectl", "delete", "configmap", "-n", "orders", "--all")
    plan = json.loads(home.succeed("plan", "quickstart", "--output", "json", "--provider", "kwok"))
    changed = {step["id"]: step["reason"] for step in plan["steps"] if step["reason"] != "unchanged"}
    assert changed.keys() == {"release/catalog/catalog", "objects/flux-system/apps"}
    assert changed["release/catalog/catalog"] == "not found"
    assert changed["objects/flux-system/apps"].startswith("gone: ConfigMap orders/")
    assert home.run("plan", "quickstart", "--exit-code").returncode == 10
    mended = statuses(home.events(*UP))
    assert {step for step, status in mended.items() if status == "done"} == changed.keys()
    assert home.run("plan", "quickstart", "--exit-code").returncode == 0


@pytest.mark.parametrize("moment", [1, 4, 9, 14])
def test_killed_at_any_moment_the_next_up_converges(home: Home, moment: int) -> None:
    with home.start(*UP) as process:
        assert process.stderr is not None
        for _, _line in zip(range(moment), process.stderr, strict=False):
            pass
        process.send_signal(signal.SIGKILL)
    ended = statuses(home.events(*UP))
    assert set(ended.values()) <= {"done", "unchanged"}
    assert set(statuses(home.events(*UP)).values()) == {"unchanged"}


def test_interrupted_it_ends_in_time_and_reports_every_step(home: Home) -> None:
    with home.start(*UP) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if '"step_started"' in line:
                process.send_signal(signal.SIGINT)
                break
        lines += process.communicate(timeout=60)[1].splitlines(keepends=True)
    assert process.returncode == 130
    events = [json.loads(line) for line in lines if line.startswith("{")]
    planned = next(event for event in events if event["type"] == "planned")
    assert statuses(events).keys() == {step["id"] for step in planned["steps"]}
    assert events[-1]["type"] == "run_finished"
    assert set(statuses(home.events(*UP)).values()) <= {"done", "unchanged"}


def test_a_second_interrupt_ends_it_at_once_and_the_next_up_converges(home: Home) -> None:
    with home.start("up", "quickstart", "--provider", "kwok", "--progress", "plain") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if " start " in line:
                process.send_signal(signal.SIGINT)
                break
        for line in process.stderr:
            if line.startswith("Stopping"):
                process.send_signal(signal.SIGINT)
                break
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert set(statuses(home.events(*UP)).values()) <= {"done", "unchanged"}
