from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.conftest import Cli

SEEDS = "apiVersion: bootstrap.dev/v1\nkind: Seeds\nsqs: {orders: {}}\n"


@pytest.fixture
def project(cli: "Cli") -> "Cli":
    (cli.folder / "seeds").mkdir()
    (cli.folder / "seeds" / "all.yaml").write_text(SEEDS)
    cli.stack("cluster: {provider: kwok}\nseeds: [../seeds]")
    return cli


def key(cli: "Cli", *arguments: str) -> str:
    ended = cli("cache", "key", *arguments)
    assert ended.code == 0, ended.err
    (line,) = ended.out.splitlines()
    return line


def test_the_same_from_every_folder_machine_and_job(project: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    first = key(project)
    assert first.startswith("bootstrap-dev-")
    monkeypatch.setenv("BOOTSTRAP_NAME", "job-17")
    assert key(project, "--var", "token=of-this-job") == first
    monkeypatch.chdir(project.folder / "seeds")
    assert key(project) == first
    elsewhere = project.folder.parent / "elsewhere"
    project.folder.rename(elsewhere)
    monkeypatch.chdir(elsewhere)
    assert key(project) == first


@pytest.mark.parametrize("file", ["seeds/all.yaml", "seeds/new.yaml", "bootstrap.lock", "bootstrap.tools.lock"])
def test_another_if_what_it_stands_for_changes(project: "Cli", file: str) -> None:
    first = key(project)
    path = Path(project.folder / file)
    path.write_text((path.read_text() if path.exists() else "") + "# more\n")
    assert key(project) != first


def test_another_for_other_values(project: "Cli") -> None:
    assert key(project) != key(project, "--set", "cluster.workers=1")
