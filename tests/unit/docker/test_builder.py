"""How an image of the stack is built, and what is told of a build that fails."""

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.docker.builder import ImageBuilder
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.stack import BuiltImage, ImageSpec
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work

BUILDKIT = """\
#1 [internal] load build definition from Dockerfile
#7 [3/3] RUN make
#7 0.211 make: *** No targets.
#7 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2
------
 > [3/3] RUN make:
0.211 make: *** No targets.
------
Dockerfile:3
--------------------
   1 |     FROM scratch
   2 |     COPY . /
   3 | >>> RUN make
   4 |
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2
"""


class Docker:
    """A program `docker` that notes how it is called, and fails as it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.buildkit = True
        self.fails = ""

    def build(self, spec: ImageSpec, environment: Mapping[str, str] | None = None) -> list[str]:
        """What was said meanwhile."""
        program = self._folder / "docker"
        (self._folder / "output").write_text(self.fails)
        program.write_text(f"""#!/bin/sh
if [ "$2" = version ]; then exit {0 if self.buildkit else 1}; fi
printf '%s\\n' "$@" >{self._folder}/argv
env >{self._folder}/env
cat {self._folder}/output >&2
[ ! -s {self._folder}/output ]
""")
        program.chmod(0o755)
        said: list[str] = []
        image = BuiltImage(spec=spec, reference="web:bootstrap-1")
        builder = ImageBuilder(lambda: (image,), None, SystemProcesses(SystemClock()), environment or {})
        builder.build(image, Work(CancelToken(SystemClock()), said.append))
        return said

    @property
    def argv(self) -> list[str]:
        return (self._folder / "argv").read_text().splitlines()

    @property
    def environment(self) -> list[str]:
        return (self._folder / "env").read_text().splitlines()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Docker(tmp_path)


def _spec(folder: Path, **more: object) -> ImageSpec:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\nRUN make\n")
    values = {"name": "web", "context": folder, "dockerfile": folder / "Dockerfile", **more}
    return ImageSpec(**values)  # type: ignore[arg-type]  # a builder of values


def test_buildkit_is_asked_by_dockers_own_words(docker: Docker, tmp_path: Path) -> None:
    spec = _spec(tmp_path, target="dev", args={"TOKEN": "s3cret"}, platforms=("linux/amd64", "linux/arm64"))
    docker.build(spec)
    assert docker.argv == [
        *("buildx", "build", "--file", str(spec.dockerfile), "--target", "dev", "--build-arg", "TOKEN"),
        *("--tag", "web:bootstrap-1", "--platform", "linux/amd64,linux/arm64", "--progress", "plain", "--load"),
        str(tmp_path),
    ]
    assert "TOKEN=s3cret" in docker.environment


def test_without_buildkit_the_engine_builds_and_that_is_said(docker: Docker, tmp_path: Path) -> None:
    docker.buildkit = False
    said = docker.build(_spec(tmp_path))
    assert docker.argv == ["build", "--file", f"{tmp_path}/Dockerfile", "--tag", "web:bootstrap-1", str(tmp_path)]
    assert "DOCKER_BUILDKIT=0" in docker.environment
    assert said[0] == "docker has no BuildKit (its plugin buildx): the engine's own builder is used"


def test_a_failure_shows_the_last_lines_and_the_instruction(docker: Docker, tmp_path: Path) -> None:
    docker.fails = BUILDKIT
    with pytest.raises(StepFailedError, match="the image web cannot be built") as error:
        docker.build(_spec(tmp_path))
    assert error.value.fix == f"correct {tmp_path}/Dockerfile:3, then run the same command again"
    assert "3 | >>> RUN make" in error.value.evidence
    assert error.value.evidence[-1].startswith("ERROR: failed to build: failed to solve")
    assert any("No targets" in line for line in error.value.evidence[:4])


def test_the_engines_own_builder_names_the_instruction_alone(docker: Docker, tmp_path: Path) -> None:
    docker.buildkit = False
    docker.fails = "DEPRECATED: The legacy builder\n            is old\nStep 3/3 : RUN make\nmake: not found\n"
    with pytest.raises(StepFailedError) as error:
        docker.build(_spec(tmp_path))
    assert error.value.fix == f"correct {tmp_path}/Dockerfile:3, then run the same command again"
    assert list(error.value.evidence) == ["Step 3/3 : RUN make", "make: not found"]


def test_every_line_is_told_as_it_comes(docker: Docker, tmp_path: Path) -> None:
    docker.fails = "one\ntwo\n"
    said: list[str] = []
    image = BuiltImage(spec=_spec(tmp_path), reference="web:bootstrap-1")
    with pytest.raises(StepFailedError):
        docker.build(image.spec)
    builder = ImageBuilder(lambda: (image,), None, SystemProcesses(SystemClock()), {})
    with pytest.raises(StepFailedError):
        builder.build(image, Work(CancelToken(SystemClock()), said.append))
    assert said == ["one", "two"]


def test_what_is_built_is_recorded_so_that_it_can_be_ended(docker: Docker, tmp_path: Path) -> None:
    recorded: list[str] = []
    image = BuiltImage(spec=_spec(tmp_path), reference="web:bootstrap-1")
    docker.build(image.spec)
    processes = SystemProcesses(SystemClock(), lambda _identity, command: recorded.append(str(command.polite.name)))
    ImageBuilder(lambda: (image,), None, processes, {}).build(image, Work(CancelToken(SystemClock())))
    assert recorded == [signal.SIGINT.name]


def test_nobody_to_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    image = BuiltImage(spec=_spec(tmp_path), reference="web:bootstrap-1")
    with pytest.raises(RefusedError, match="the program docker, which is not on PATH"):
        ImageBuilder(lambda: (image,), None, SystemProcesses(SystemClock()), {}).build(
            image, Work(CancelToken(SystemClock()))
        )


def test_an_engine_that_does_not_answer_has_built_nothing(tmp_path: Path) -> None:
    image = BuiltImage(spec=_spec(tmp_path), reference="web:bootstrap-1")
    environment = {"DOCKER_HOST": f"unix://{tmp_path}/none"}
    builder = ImageBuilder(lambda: (image,), None, SystemProcesses(SystemClock()), environment)
    assert builder.built(CancelToken(SystemClock())) == frozenset()
    assert builder.references == {"web:bootstrap-1"}
