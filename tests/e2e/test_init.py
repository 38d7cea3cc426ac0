"""`bootstrap init` as a stranger runs it, with real scripts and a real emulator; test_wheel.py has its example."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.state.paths import cache_folder

pytestmark = pytest.mark.e2e

SCRIPT = """\
#!/bin/sh
awslocal sqs create-queue --queue-name mail
awslocal s3 mb s3://pictures
"""
COMPOSE = """\
services:
  aws:
    image: localstack/localstack:3.8
    volumes: [./init:/etc/localstack/init/ready.d]
"""


class Stranger:
    """Somebody with a folder, who calls the installed command in it."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "project"
        self.folder.mkdir()
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL"))}
        self.environment = {
            **kept,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            # As many test jobs have it: the folder may hold modules of any name.
            "PYTHONPATH": str(self.folder),
        }

    def __call__(self, *arguments: str) -> str:
        program = Path(sys.executable).with_name("bootstrap-stack")
        ended = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    return Stranger(tmp_path)


def test_init_scripts_of_a_compose_file_become_fixtures(stranger: Stranger) -> None:
    (stranger.folder / "docker-compose.yml").write_text(COMPOSE)
    (stranger.folder / "init").mkdir()
    (stranger.folder / "init/10-data.sh").write_text(SCRIPT)
    printed = stranger("init")
    assert "found  docker-compose.yml: service aws (localstack/localstack:3.8), 1 init scripts" in printed
    assert "mail" in (stranger.folder / "localstack-init/sqs.yaml").read_text()
    assert "pictures" in (stranger.folder / "localstack-init/s3.yaml").read_text()
    assert "seeds: [../localstack-init]" in (stranger.folder / "stacks/dev.yaml").read_text()
    assert "seeds" in stranger("plan", "--provider", "kwok")
