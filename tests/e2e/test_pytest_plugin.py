"""The plugin for pytest with xdist, on the embedded default, in a project that has a bootstrap of its own."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from bootstrap.state.paths import cache_folder

pytest_plugins = ["pytester"]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

EXAMPLE = Path(__file__).parents[1] / "data" / "example"
CACHE = cache_folder(os.environ).parent
"""Of the programs: `pytester` gives the tests another home."""
SHADOWS = "raise ImportError('this bootstrap is not the one that was meant')\n"
MORE = """
import os
import signal

import boto3
import pytest


@pytest.fixture(autouse=True)
def noted(stack, worker_id):
    with open("noted", "a") as file:
        file.write(f"{stack.options} {worker_id} {stack.account}\\n")


def test_what_nobody_touched_takes_no_call(seeds):
    with seeds.clean(()):
        assert seeds.last.calls == 0


def test_fails(stack, seeds):
    queues = boto3.client("sqs", aws_access_key_id="test", aws_secret_access_key="test")
    queues.delete_queue(QueueUrl=queues.get_queue_url(QueueName="orders")["QueueUrl"])
    raise AssertionError("as it should")


def test_crashes(stack):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    (pytester.path / "bootstrap.py").write_text(SHADOWS)
    (pytester.path / "bootstrap").mkdir()
    (pytester.path / "bootstrap" / "__init__.py").write_text(SHADOWS)
    for name in [*os.environ]:
        if name.startswith(("BOOTSTRAP_SET", "BOOTSTRAP_NAME", "AWS_", "PYTEST_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(CACHE))
    monkeypatch.setenv("BOOTSTRAP_SET_cluster__provider", "kwok")
    monkeypatch.setenv("TMPDIR", str(pytester.path))
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    return pytester.path


def left(project: Path) -> list[Path]:
    return [*project.glob("state/bootstrap/*"), *project.glob("pytest-bootstrap-stack-*/*")]


def test_one_platform_for_all_workers_with_clean_data_even_if_one_crashes(
    pytester: pytest.Pytester, project: Path
) -> None:
    (project / "tests" / "test_more.py").write_text(MORE)
    ended = pytester.runpytest_subprocess("-n", "2", "--dist", "load", "-p", "no:cacheprovider", "tests")
    ended.assert_outcomes(passed=9, failed=2)
    ended.stdout.fnmatch_lines(["*platform: what is not ready*", "seeds is *", "*crashed while running*"])
    lines = (project / "noted").read_text().splitlines()
    assert len({line.partition(")")[0] for line in lines}) == 1
    accounts = {line.rsplit(" ", 1)[-1] for line in lines}
    assert accounts <= {"000000000001", "000000000002", "000000000003"}
    assert left(project) == []


def test_a_platform_that_cannot_be_brought_up_fails_the_tests_with_the_reason(
    pytester: pytest.Pytester, project: Path
) -> None:
    (project / "stacks" / "ci.yaml").write_text("kind: Stack\n")
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-k", "cluster", "tests")
    ended.assert_outcomes(errors=1)
    ended.stdout.fnmatch_lines(["*the platform could not be brought up: *", "*stacks/ci.yaml:*"])
