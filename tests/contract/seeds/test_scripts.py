"""Init scripts as people bring them from LocalStack."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from fakes.bench import Bench, running
from fakes.decoy import Decoy

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver.MINISTACK, tmp_path_factory.mktemp("ministack")) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    (new_bench.fixtures / "ready.d").mkdir(parents=True)
    new_bench.write("sqs: {declared: {}}")
    return new_bench


def script(bench: Bench, name: str, text: str) -> Path:
    file = bench.fixtures / "ready.d" / name
    file.write_text(text)
    return file


def queues(bench: Bench) -> list[str]:
    return sorted(url.rpartition("/")[2] for url in bench.client("sqs").list_queues().get("QueueUrls", ()))


CREATES = """#!/usr/bin/env python
import boto3, sys
sqs = boto3.client("sqs")
sqs.get_queue_url(QueueName="declared")
sqs.create_queue(QueueName=f"from-python-{len(sqs.list_queues()['QueueUrls'])}")
"""


def test_scripts_run_in_lexical_order_after_the_fixtures(bench: Bench) -> None:
    script(bench, "20-last.py", CREATES)
    script(bench, "10-first.sh", "set -e\nawslocal sqs create-queue --queue-name from-shell >/dev/null\n")
    script(bench, "notes.txt", "no script")
    assert {str(resource.id): str(resource.action) for resource in bench.plan().resources} == {
        "sqs/declared": "create",
        "ready.d/10-first.sh": "create",
        "ready.d/20-last.py": "create",
    }
    bench.apply()
    assert queues(bench) == ["declared", "from-python-2", "from-shell"]


def test_a_script_runs_once_per_content_and_incarnation(bench: Bench) -> None:
    script(bench, "10-create.py", CREATES)
    bench.apply()
    bench.apply()
    bench.settled()
    assert queues(bench) == ["declared", "from-python-1"]
    script(bench, "10-create.py", CREATES + "# changed\n")
    reasons = {str(resource.id): resource.reason for resource in bench.plan().resources}
    assert reasons["ready.d/10-create.py"] == "its content, or a file that it can read, changed"
    bench.apply()
    assert queues(bench) == ["declared", "from-python-1", "from-python-2"]
    bench.empty()
    bench.apply()
    assert queues(bench) == ["declared", "from-python-1"]


def test_a_failing_script_fails_with_its_output_and_runs_again(bench: Bench) -> None:
    script(bench, "10-fails.sh", "echo to the screen\necho 'no such thing' >&2\nexit 3\n")
    script(bench, "20-later.py", CREATES)
    for _ in range(2):
        with pytest.raises(StepFailedError) as failed:
            bench.apply()
        assert "10-fails.sh failed with exit code 3" in " ".join((failed.value.what, *failed.value.evidence))
    log = (bench.folder / "seeds" / "logs" / "10-fails.sh.log").read_text()
    assert log == "to the screen\nno such thing\n"
    assert queues(bench) == ["declared"]
    script(bench, "10-fails.sh", "exit 0\n")
    bench.apply()
    assert queues(bench) == ["declared", "from-python-1"]


def test_nothing_of_the_users_reaches_a_script_and_it_reaches_nobody_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoy = Decoy()
    hostile = dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "HTTP_PROXY", "https_proxy"), decoy.url)
    hostile |= {"AWS_PROFILE": "production", "AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real"}
    script(
        bench,
        "10-tells.py",
        """
import os, urllib.request
assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS"} & set(os.environ)
try:
    urllib.request.urlopen("http:" + "//sqs.us-east-1.amazonaws.com/", timeout=5)
except OSError as error:
    assert "refused" in str(error), error
else:
    raise SystemExit("it got out")
""",
    )
    script(bench, "20-cli.sh", "aws sqs create-queue --queue-name by-the-cli >/dev/null\n")
    with monkeypatch.context() as environment:
        for name, value in hostile.items():
            environment.setenv(name, value)
        bench.apply()
    decoy.stop()
    assert decoy.seen == []
    assert queues(bench) == ["by-the-cli", "declared"]


def test_without_the_cli_a_script_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tools))
    # Where this Python is, there may be one too.
    python = tmp_path / "elsewhere" / Path(sys.executable).name
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    script(bench, "10-cli.sh", "aws s3 mb s3://x\n")
    with pytest.raises(StepFailedError) as failed:
        bench.apply()
    assert "failed with exit code 127" in " ".join((failed.value.what, *failed.value.evidence))
    log = (bench.folder / "seeds" / "logs" / "10-cli.sh.log").read_text()
    assert log == "the aws command line is not installed (run: pip install awscli)\n"
    assert failed.value.fix == "run: pip install awscli; then run the same command again"
