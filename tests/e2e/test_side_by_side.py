"""Two instances of one stack, brought up at the same moment from one checkout on one engine, as CI jobs do."""

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from fakes.docker import require
from fakes.left_behind import EMULATOR, NODE, Project

pytestmark = pytest.mark.docker

UP_SECONDS = 240


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    require(NODE, EMULATOR)
    new_project = Project(folder=tmp_path / "project", stack=f"rig-beside-{uuid.uuid4().hex[:8]}").write()
    yield new_project
    for home in homes(new_project):
        new_project.run("down", "--all", **home)


def homes(project: Project) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Two users, or two jobs in containers, that share the engine and nothing else."""
    first_home, two = ({"XDG_STATE_HOME": str(project.folder / f"state-{number}")} for number in (1, 2))
    return first_home, two


def brought_up(project: Project, *homes_of: tuple[str, Mapping[str, str]]) -> None:
    """All of these instances, at the same moment."""
    children = [
        project.start("up", project.stack, "--name", name, "--ttl", "2h", "--ports", "auto", **home)
        for name, home in homes_of
    ]
    codes = [child.wait(UP_SECONDS) for child in children]
    assert codes == [0] * len(children), (project.folder / "started.log").read_text()


def of(project: Project, name: str) -> set[str]:
    """What of this instance is on the engine."""
    return project.on_engine(f"{project.stack}-{name}-")


def kubeconfig(project: Project, name: str, home: Mapping[str, str]) -> tuple[str, str]:
    """The context and the address of its API server."""
    file = project.done("kubeconfig", project.stack, "--name", name, **home).strip()
    document = yaml.safe_load(Path(file).read_text())
    return str(document["current-context"]), str(document["clusters"][0]["cluster"]["server"])


def test_two_instances_never_meet(project: Project) -> None:
    first_home, two = homes(project)
    brought_up(project, ("a", first_home), ("b", two))
    ours, theirs = of(project, "a"), of(project, "b")
    assert len(ours) == len(theirs) == 4
    assert not ours & theirs
    (context, server), (other_context, other_server) = (
        kubeconfig(project, "a", first_home),
        kubeconfig(project, "b", two),
    )
    assert context != other_context
    assert server != other_server
    nodes = ("--", "kubectl", "get", "nodes", "-o", "name")
    ended = project.done("run", "--stack", project.stack, "--name", "a", *nodes, **first_home)
    assert "-a-" in ended
    assert "-b-" not in ended

    # Whoever has not its state folder can neither take it away nor bring it up.
    for verb in ("up", "down", "pause", "plan"):
        result = project.run(verb, project.stack, "--name", "b", **first_home)
        assert result.code == 4, result.output
        assert "was not created by this stack" in result.output or "is not up" in result.output
    project.done("gc", **first_home)
    assert of(project, "b") == theirs

    project.done("down", project.stack, "--name", "a", **first_home)
    assert of(project, "a") == set()
    assert of(project, "b") == theirs
    assert "unchanged" in project.done("up", project.stack, "--name", "b", "--ports", "auto", **two)

    # Its time over, anybody may.
    project.done("up", project.stack, "--name", "b", "--ports", "auto", "--ttl", "1s", **two)
    until = time.monotonic() + 60
    while of(project, "b"):
        assert time.monotonic() < until
        project.done("gc", **first_home)
    project.done("down", project.stack, "--name", "b", **two)
    assert project.on_engine() == set()
