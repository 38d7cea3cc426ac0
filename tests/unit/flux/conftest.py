"""Stand-ins for kustomize: a canned one that only collects resources, and the real one."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.flux.repository import read_repo
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import SourceSpec
from bootstrap.system.processes import Command, CommandFailedError, Finished
from fakes.kustomize import Collector

REPOS = Path(__file__).parents[2] / "data" / "repos"
Write = Callable[[str, str], None]
Read = Callable[..., FluxRepo]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of a repository in the temporary folder."""

    def call(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return call


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def read(tmp_path: Path, collector: Collector) -> Read:
    """Read the repository in the temporary folder with the canned kustomize."""

    def call(path: str = ".", *, strict: bool = True, **more: object) -> FluxRepo:
        source = SourceSpec(root=tmp_path, path=path, strict_substitution=strict)
        return read_repo(source, build=collector, **more)  # type: ignore[arg-type]

    return call


@pytest.fixture
def read_for_real() -> Read:
    """Read one of the test repositories with the real kustomize."""
    kubectl = shutil.which("kubectl")
    assert kubectl is not None, "kubectl is not on PATH"

    def kustomize(folder: Path) -> bytes:
        command = Command(argv=(kubectl, "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)))
        done = subprocess.run(command.argv, capture_output=True, check=False)
        if done.returncode != 0:
            raise CommandFailedError(
                command, Finished(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)
            )
        return done.stdout

    def call(situation: str, path: str = "clusters/dev", *, strict: bool = True, **more: object) -> FluxRepo:
        source = SourceSpec(root=REPOS / situation, path=path, strict_substitution=strict)
        return read_repo(source, build=kustomize, **more)  # type: ignore[arg-type]

    return call
