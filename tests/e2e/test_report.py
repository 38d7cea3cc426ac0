"""A report on a stack: what is not ready is in it, no secret is, and a stack that is half there has one too."""

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from backports import zstd

from bootstrap.state.paths import cache_folder
from fakes.releases import ENTRY, release, write_releases

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

CHART = Path(__file__).parents[1] / "data" / "charts" / "objects"
PLANTED = {
    name: f"planted-{name}-secret-4711"
    for name in ("value", "env", "annotation", "secret", "seed", "lambda", "script", "var", "job")
}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "annotations": {"example.com/api-token": PLANTED["annotation"]}},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "nodeSelector": {"no/such": "machine"},
                "containers": [
                    {
                        "name": "main",
                        "image": "example.invalid/web:1",
                        "args": ["--admin-password", PLANTED["env"]],
                        "env": [
                            {"name": "DB_PASSWORD", "value": PLANTED["env"]},
                            {"name": "TOKEN", "value": "${token}"},
                        ],
                    }
                ],
            },
        },
    },
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"dsn": PLANTED["secret"]}}
SEEDS = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Seeds",
    "secretsmanager": {"db": {"string": PLANTED["seed"]}},
    "dynamodb": {
        "users": {
            "keys": {"partition": "id"},
            "items": [{"id": "1", "password": PLANTED["lambda"]}],
        }
    },
}
STACK = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Stack",
    "metadata": {"name": "planted"},
    "cluster": {"provider": "kwok"},
    "emulator": {"persist": False},
    "seeds": ["seeds"],
    "source": {"root": ".", "path": ENTRY},
}


@dataclass
class Project:
    """A repository with secrets in all places, and its stack."""

    folder: Path

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments, **more) as process:
            stdout, stderr = process.communicate(timeout=120)
            return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        environment: Mapping[str, str] = {
            **os.environ,
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            "DEPLOY_TOKEN": PLANTED["job"],
            **more,
        }
        return subprocess.Popen(
            (sys.executable, "-m", "bootstrap", *arguments),
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("planted")
    chart = folder / "charts" / "objects"
    (chart / "templates").mkdir(parents=True)
    for file in CHART.rglob("*.*"):
        (chart / file.relative_to(CHART)).write_bytes(file.read_bytes())
    values = {"objects": [WEB, SECRET], "adminPassword": PLANTED["value"]}
    write_releases(folder, {"web": release("web", "./charts/objects", {"values": values, "timeout": "1s"})})
    (folder / "planted.yaml").write_text(json.dumps(STACK))
    (folder / "seeds" / "ready.d").mkdir(parents=True)
    (folder / "seeds" / "seeds.yaml").write_text(json.dumps(SEEDS))
    script = f'#!/bin/sh\necho "password={PLANTED["script"]} token of the job: $DEPLOY_TOKEN"\nexit 3\n'
    (folder / "seeds" / "ready.d" / "fill.sh").write_text(script)
    (folder / "seeds" / "ready.d" / "fill.sh").chmod(0o755)
    yield (planted := Project(folder))
    planted.run("down", "planted.yaml")


def leaked(folder: Path) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [f"{file.name}: {name}" for file in files for name, text in PLANTED.items() if text in file.read_text()]


def test_a_failed_run_in_ci_leaves_all_that_explains_it_and_no_secret(project: Project) -> None:
    variable = f"token={PLANTED['var']}"
    ended = project.run("up", "planted.yaml", "--patience", "1s", "--var", variable, CI="true", BOOTSTRAP_REPORT="")
    assert ended.returncode == 1, ended.stderr
    page = project.folder / ended.stderr.partition("Report: ")[2].splitlines()[0]
    assert page.relative_to(project.folder).parts[0] == "bootstrap-report"
    text = page.read_text()
    # Names both causes, on one page that asks for nothing else.
    assert "no node can run Pod" in text
    assert "fill.sh failed with exit code 3" in text
    assert "http-equiv" in text
    assert not [word for word in ("<script", "<img", "<link", "src=") if word in text]
    files = {str(file.relative_to(page.parent)) for file in page.parent.rglob("*") if file.is_file()}
    objects = {"objects/01-Deployment-web-web.txt", "objects/01-Deployment-web-web.yaml"}
    others = {"status.txt", "plan.txt", "plan.json", "nodes.txt", "config.txt", "events.jsonl", "seed-plan.txt"}
    assert {*objects, *others, "logs/emulator.log", "manifests/release-web-web.yaml", "summary.txt"} <= files
    assert "FailedScheduling" in (page.parent / "objects/01-Deployment-web-web.txt").read_text()
    records = [json.loads(line) for line in (page.parent / "events.jsonl").read_text().splitlines()]
    assert records[-1]["type"] == "run_finished"
    assert leaked(page.parent) == []

    archive = project.folder / "report.tar.zst"
    assert project.run("report", "planted.yaml", "--output", str(archive)).returncode == 0
    with zstd.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as packed:
        packed.extractall(project.folder / "unpacked", filter="data")
    assert (project.folder / "unpacked" / "report" / "index.html").is_file()
    assert leaked(project.folder / "unpacked") == []


def test_a_killed_run_and_a_cluster_that_is_gone_leave_a_report(project: Project) -> None:
    assert project.run("down", "planted.yaml").returncode == 0
    with project.start("up", "planted.yaml", "--var", "token=x", "--progress", "json") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if '"step_started"' in line)
        process.send_signal(signal.SIGKILL)
    ended = project.run("report", "planted.yaml", "--output", "killed")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "killed/index.html\n"
    summary = (project.folder / "killed" / "summary.txt").read_text()
    assert "ended with: not finished" in summary
    assert leaked(project.folder / "killed") == []
