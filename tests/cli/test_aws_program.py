"""The `aws` that `run` and `env` put before the user's: it asks the platform for every service."""

import os
import subprocess
from pathlib import Path

from bootstrap.cli.aws_program import folder_of_aws
from bootstrap.model.stack import StatePaths


def installed(folder: Path) -> Path:
    """A stand-in for the user's `aws`, which prints what it is given."""
    folder.mkdir()
    program = folder / "aws"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    return program


def printed(folder: str, path: str, **variables: str) -> str:
    environment = {"PATH": f"{folder}{os.pathsep}{path}", **variables}
    command = ["/usr/bin/env", "aws", "sqs", "list-queues"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_every_service_is_asked_at_the_platform(tmp_path: Path) -> None:
    program = installed(tmp_path / "it's here")
    path = f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
    (folder,) = folder_of_aws(StatePaths(folder=tmp_path / "state"), path)
    told = printed(folder, path, AWS_ENDPOINT_URL="http://127.0.0.1:4566")
    assert told == "--endpoint-url http://127.0.0.1:4566 sqs list-queues\n"
    assert printed(folder, path) == "sqs list-queues\n"
    # Found again behind its own folder, as in a `run` inside a `run`.
    assert folder_of_aws(StatePaths(folder=tmp_path / "state"), f"{folder}{os.pathsep}{path}") == (folder,)
    assert printed(folder, path) == "sqs list-queues\n"


def test_without_an_aws_nothing_is_put_on_path(tmp_path: Path) -> None:
    assert folder_of_aws(StatePaths(folder=tmp_path / "state"), str(tmp_path)) == ()
    assert not (tmp_path / "state").exists()
