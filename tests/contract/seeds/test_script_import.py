"""`seed import`: what scripts make comes back as fixtures, with a proof."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli.main import run
from bootstrap.errors import ExitCode
from bootstrap.model.stack import Driver
from bootstrap.seeds.init_scripts.guard.confinement import Guard
from bootstrap.seeds.init_scripts.run import holds
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

MAKES = """#!/usr/bin/env python3
import boto3, os
sqs = boto3.client("sqs")
dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
redrive = '{"deadLetterTargetArn":"%s","maxReceiveCount":"3"}' % arn
sqs.create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "77", "RedrivePolicy": redrive})
boto3.client("sns").subscribe(
    TopicArn=boto3.client("sns").create_topic(Name="events")["TopicArn"], Protocol="sqs", Endpoint=arn
)
s3 = boto3.client("s3")
region = os.environ["AWS_DEFAULT_REGION"]
place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
s3.create_bucket(Bucket=os.environ.get("BUCKET", "crate"), **place)
"""


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def imported(capsys: pytest.CaptureFixture[str], *arguments: str, expected: int = ExitCode.OK) -> dict[str, Any]:
    assert run(["seed", "import", *arguments, "--output", "json"]) == expected
    return dict(json.loads(capsys.readouterr().out or "{}"))


def test_a_script_becomes_fixtures_that_are_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bench: Bench
) -> None:
    if bench.driver is Driver.LOCALSTACK:
        pytest.skip("seed import starts an emulator that is a program, LocalStack is a container")
    file = tmp_path / "make.py"
    other = 'boto3.client("ssm").put_parameter(Name="/a", Value="b", Type="String")\n'
    file.write_text(MAKES + 's3.upload_file("prices.json", "crate", "prices.json")\n' + other)
    (tmp_path / "prices.json").write_text('{"v": 1}')
    (tmp_path / "unrelated").mkdir()
    result = imported(capsys, "make.py", "--into", "fixtures", "--driver", str(bench.driver))
    assert result["resources"] == ["s3/crate", "sns/events", "sqs/dead", "sqs/orders"]
    assert (result["proven"], result["differences"]) == (True, [])
    assert result["leftOut"] == ["ssm: it cannot be declared by fixtures (make.py:16)"]
    assert run(["seed", "apply", "fixtures", "--endpoint", bench.endpoint.url]) == ExitCode.OK
    assert run(["seed", "plan", "fixtures", "--endpoint", bench.endpoint.url, "--exit-code"]) == ExitCode.OK
    body = bench.client("s3").get_object(Bucket="crate", Key="prices.json")["Body"].read()
    assert body == b'{"v": 1}'


def test_a_compose_file_gives_scripts_mounts_region_and_variables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docker-compose.yml").write_text("""services:
  app: {image: node:20}
  localstack:
    image: ${IMAGE:-localstack/localstack}:3.4
    environment: [SERVICES=s3, AWS_DEFAULT_REGION=eu-west-1, BUCKET=parcels]
    volumes:
      - ./init/make.py:/etc/localstack/init/ready.d/make.py
      - ./data:/opt/data:ro
      - state:/var/lib/localstack
      - /var/run/docker.sock:/var/run/docker.sock
volumes: {state: {}}
""")
    for name, text in {"init/make.py": MAKES, "init/unrelated.sh": "exit 1\n", "data/x.json": "1"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with (tmp_path / "init/make.py").open("a") as stream:
        stream.write('s3.upload_file("/opt/data/x.json", "parcels", "x.json")\n')
    result = imported(capsys)
    assert result["resources"] == ["s3/parcels", "sns/events", "sqs/dead", "sqs/orders"]
    assert result["proven"] is True
    assert "region: eu-west-1" in (tmp_path / "seeds/s3.yaml").read_text()
    assert (tmp_path / "seeds/s3/parcels/x.json").read_text() == "1"


def test_a_script_that_fails_imports_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ready.d").mkdir()
    (tmp_path / "ready.d/10.sh").write_text("#!/bin/bash\necho the reason\nexit 3\n")
    (tmp_path / "ready.d/20.sh").write_text("#!/bin/bash\n")
    assert run(["seed", "import", "."]) == ExitCode.STEP_FAILED
    printed = capsys.readouterr().err
    assert "10.sh failed with exit code 3; not run: ready.d/20.sh" in printed
    assert "\n  the reason\n" in printed
    assert not (tmp_path / "seeds").exists()


@pytest.mark.parametrize(
    ("compose", "expected"),
    [
        ("services: {app: {image: node}}\n", "none of its services is an AWS emulator (app)"),
        ("services: {aws: {image: localstack/localstack}}\n", "services.aws: it mounts no init scripts"),
        (
            "services: {aws: {image: localstack/localstack, volumes: ['./no.sh:/docker-entrypoint-initaws.d/no.sh']}}",
            "no.sh is not there",
        ),
    ],
)
def test_a_compose_file_without_scripts_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], compose: str, expected: str
) -> None:
    (tmp_path / "compose.yaml").write_text(compose)
    assert run(["seed", "import"]) == ExitCode.INVALID
    assert expected in capsys.readouterr().err


def test_nothing_to_import_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["seed", "import"]) == ExitCode.USAGE
    assert "there is no compose file here" in capsys.readouterr().err
    assert run(["seed", "import", "nothing.txt"]) == ExitCode.USAGE


@pytest.mark.parametrize("at", [".", "project", "project/deep/scripts"])
def test_a_script_writes_nothing_beside_its_folder_wherever_import_is_started(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = SystemClock()
    if not holds(Guard.NAMESPACE, SystemProcesses(clock), Work(CancelToken(clock))):
        pytest.skip("this system has no namespaces, which alone keep files from being written")
    (tmp_path / "project" / ".git").mkdir(parents=True)
    script = tmp_path / "project" / "deep" / "scripts" / "make.sh"
    script.parent.mkdir(parents=True)
    targets = [tmp_path / "project" / "out.txt", script.parents[1] / "out.txt", script.parent / "out.txt"]
    script.write_text("".join(f"! echo x > {file} || exit 7\n" for file in targets))
    monkeypatch.chdir(tmp_path / at)
    assert run(["seed", "import", os.path.relpath(script), "--into", str(tmp_path / "into")]) == ExitCode.OK
    assert [file for file in targets if file.exists()] == []
    capfd.readouterr()
