"""The command line in this process, in a user's corner of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.cli.main import run
from bootstrap.config.flags import Overrides
from bootstrap.config.stack import load_stack
from bootstrap.model.stack import StatePaths
from bootstrap.state.paths import state_paths


@dataclass(frozen=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str


@dataclass
class Cli:
    """Runs command lines in a folder of its own."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Ended:
        code = run(list(arguments))
        captured = self.capture.readouterr()
        return Ended(code, captured.out, captured.err)

    def stack(self, text: str = "cluster: {provider: kwok}", name: str = "dev") -> Path:
        file = self.folder / "stacks" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"apiVersion: bootstrap.dev/v1\nkind: Stack\nmetadata: {{name: {name}}}\n{text}\n")
        return file

    @property
    def state(self) -> StatePaths:
        loaded = load_stack("dev", Overrides(), cwd=self.folder, environment=os.environ)
        return state_paths(loaded.stack, os.environ)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    for name in [*os.environ]:
        if name.startswith(("BOOTSTRAP_", "XDG_", "AWS_", "DOCKER_", "CI", "GITHUB_", "OTEL_")):
            monkeypatch.delenv(name)
    for name in ("state", "cache", "config"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / f"xdg {name}"))
    monkeypatch.setenv("NO_COLOR", "1")
    folder = tmp_path / "projet é"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Cli(folder, capfd)
