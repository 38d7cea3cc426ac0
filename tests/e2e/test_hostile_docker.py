"""The same surroundings around a stack on kind, and engines that are not the one it lives on."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.docker.engine import connect
from bootstrap.docker.labels import engine_name
from bootstrap.model.stack import Stack
from bootstrap.state.paths import identity
from fakes.decoy import Decoy
from fakes.docker import require
from fakes.hostile import Astray, Surroundings, agreeing, cases, writes
from fakes.left_behind import ECHO, EMULATOR, NODE, Ended, Project

pytestmark = pytest.mark.docker

SEED = int(os.environ.get("BOOTSTRAP_HOSTILE_SEED", "1"))
_EMPTY = Astray(folder=Path(), decoy="http://x", names=("x",))
FILES = tuple(_EMPTY.files)
VARIABLES = ("nothing", "helm", "in a cluster", "proxies", "aws", "kind")
AROUND = cases(12, SEED, files=FILES, variables=VARIABLES, verbs=("up", "plan", "status", "diff", "seed apply"))
ENGINES = ("DOCKER_HOST", "DOCKER_CONTEXT", "current context", "no such context", "no such socket")
ELSEWHERE = [(engine, verb) for engine in ENGINES for verb in ("up", "down")] + [
    ("DOCKER_HOST", verb) for verb in ("plan", "status", "diff", "seed plan", "seed apply", "pause", "repair")
]


@pytest.fixture(scope="module")
def decoy() -> Iterator[Decoy]:
    new_decoy = Decoy()
    new_decoy.reply = agreeing
    yield new_decoy
    new_decoy.stop()


@pytest.fixture(autouse=True)
def unasked(decoy: Decoy) -> None:
    decoy.seen.clear()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, decoy: Decoy) -> Iterator[Project]:
    """One whose stack was brought up with a kubeconfig and variables that lead astray."""
    require(NODE, EMULATOR, ECHO)
    folder = tmp_path_factory.mktemp("hostile") / "project"
    new_project = Project(folder=folder, stack=f"rig-hostile-{uuid.uuid4().hex[:8]}").write()
    around = astray_of(new_project, decoy)
    variables = {**around.variables["helm"], **around.variables["aws"], **around.variables["kind"]}
    ended = new_project.run(
        "up", new_project.stack, "--ports", "auto", **variables, KUBECONFIG=around.files["same name twice"]()
    )
    yield new_project
    new_project.run("down", "--all")
    assert ended.code == 0, ended.output
    assert new_project.on_engine() == set()


@pytest.fixture
def astray(project: Project, decoy: Decoy) -> Astray:
    (project.folder / "a-program-ran").unlink(missing_ok=True)
    return astray_of(project, decoy)


def astray_of(project: Project, decoy: Decoy) -> Astray:
    return Astray(folder=project.folder, decoy=decoy.url, names=("kind-kind", f"kind-bootstrap-{project.stack}"))


def words_of(project: Project, verb: str) -> tuple[str, ...]:
    return (*verb.split(), "--stack", project.stack) if verb.startswith("seed") else (verb, project.stack)


def asked(decoy: Decoy) -> list[str]:
    return [f"{request.method} {request.path}" for request in decoy.seen]


def surrounded(project: Project, astray: Astray, case: Surroundings) -> Ended:
    variables = dict(astray.variables[case.variables])
    file = astray.files[case.files]()
    return project.run(*words_of(project, case.verb), **variables, **({"KUBECONFIG": file} if file else {}))


@pytest.mark.parametrize("case", AROUND, ids=str)
def test_a_stack_on_kind_never_notices(project: Project, astray: Astray, decoy: Decoy, case: Surroundings) -> None:
    before = project.on_engine()
    ended = surrounded(project, astray, case)
    assert ended.code in ({0, 1} if case.verb == "status" else {0}), ended.output
    assert asked(decoy) == []
    assert project.on_engine() == before
    assert not astray.ran.exists()


@pytest.mark.parametrize(("engine", "verb"), ELSEWHERE)
def test_an_engine_that_holds_nothing_of_the_stack_is_refused(
    project: Project, astray: Astray, decoy: Decoy, engine: str, verb: str
) -> None:
    before = project.on_engine()
    ended = project.run(*words_of(project, verb), **astray.engines[engine])
    assert ended.code == (1 if verb == "status" else 4), ended.output
    answers = not engine.startswith("no such")
    assert ("has nothing of it" if answers else "no Docker engine answers") in ended.output
    assert bool(decoy.seen) is answers
    assert writes(decoy) == []
    assert project.on_engine() == before
    assert any(project.state.iterdir())


def test_a_kind_cluster_of_the_name_that_somebody_else_made_is_left_alone(project: Project) -> None:
    plan = project.run("plan", project.stack, "--name", "taken")
    assert plan.code == 0, plan.output
    name = engine_name(identity_of(project, "taken"))
    client = connect(os.environ, seconds=60)
    theirs = client.containers.run(
        ECHO, name=f"{name}-control-plane", detach=True, labels={"io.x-k8s.kind.cluster": name}
    )
    try:
        for verb in ("up", "plan", "diff"):
            ended = project.run(verb, project.stack, "--name", "taken")
            assert ended.code == 4, ended.output
            assert "was not created by it" in ended.output or "of this name" in ended.output
        project.run("down", project.stack, "--name", "taken")
        theirs.reload()
        assert theirs.status == "running"
    finally:
        theirs.remove(force=True)
        client.close()


def identity_of(project: Project, name: str) -> str:
    return identity(Stack(name=project.stack, instance=name, file=None, project=project.folder))
