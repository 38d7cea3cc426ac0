"""Builds the images of a stack on the engine that its nodes run on."""

import re
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence

from bootstrap.docker.image_archive import find_image
from bootstrap.docker.stack_resources import opened_engine
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.stack import BuiltImage, ImageSpec
from bootstrap.ports import Images
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes
from bootstrap.system.work import Work

_OUTPUT_LINES = 4
_PLACE = re.compile(r"^(\S+):([0-9]+)$")
"""Where BuildKit prints the line of the failing instruction."""
_STEP = re.compile(r"^Step [0-9]+/[0-9]+ : (.+)$")
_ADVICE = ("DEPRECATED:", "            ")
"""What docker reports of an engine's own builder each time."""
_GRACE_SECONDS = 5.0


class ImageBuilder:
    """Implements `ports.Builds`: BuildKit by docker's own command, or if it lacks that the engine's own builder."""

    def __init__(
        self,
        references: Callable[[], Sequence[BuiltImage]],
        images: Images | None,
        processes: Processes,
        environment: Mapping[str, str],
    ) -> None:
        self._references = references
        self.images = images
        self._processes = processes
        self._environment = environment

    @property
    def declared(self) -> Sequence[BuiltImage]:
        """See `Builds.declared`."""
        return self._references()

    @property
    def references(self) -> frozenset[str]:
        """See `Builds.references`."""
        return frozenset(image.reference for image in self._references())

    def built(self, cancel: CancelToken) -> frozenset[str]:
        """See `Builds.built`."""
        cancel.check()
        try:
            with opened_engine(self._environment) as client:
                return frozenset(name for name in self.references if find_image(client, name) is not None)
        except RefusedError:
            # Nothing is built there; whoever needs the engine reports it.
            return frozenset()

    def build(self, image: BuiltImage, work: Work) -> None:
        """See `Builds.build`."""
        has_buildkit = self._has_buildkit(work.cancel)
        if not has_buildkit:
            work.notify("docker has no BuildKit (its plugin buildx): the engine's own builder is used")
        command = self._command(image, buildkit=has_buildkit, heard=work.notify)
        try:
            self._processes.run(command, work.cancel)
        except CommandFailedError as error:
            raise _failed(image.spec, error) from error

    def _has_buildkit(self, cancel: CancelToken) -> bool:
        asked = Command(argv=(*self._docker(), "buildx", "version"), env=self._environment)
        return self._processes.run(asked, cancel, check=False).returncode == 0

    def _docker(self) -> Sequence[str]:
        from python_on_whales.client_config import ClientConfig, ClientNotFoundError  # noqa: PLC0415 - loads slowly

        try:
            return [str(word) for word in ClientConfig().docker_cmd]
        except ClientNotFoundError as error:
            raise RefusedError("images are built by the program docker, which is not on PATH") from error

    def _command(self, image: BuiltImage, *, buildkit: bool, heard: Callable[[str], None]) -> Command:
        """Arguments go by name, their values through the environment: what is typed is seen by all users."""
        from python_on_whales.client_config import Command as Words  # noqa: PLC0415 - loads slowly

        spec = image.spec
        words = Words([*self._docker(), *(("buildx", "build") if buildkit else ("build",))])
        words.add_simple_arg("--file", spec.dockerfile)
        words.add_simple_arg("--target", spec.target)
        words.add_args_iterable("--build-arg", spec.args)
        words.add_simple_arg("--tag", image.reference)
        words.add_simple_arg("--platform", ",".join(spec.platforms) or None)
        words.add_simple_arg("--progress", "plain" if buildkit else None)
        words.add_flag("--load", buildkit)
        words.append(spec.context)
        return Command(
            argv=tuple(str(word) for word in words),
            env={**self._environment, **spec.args, "DOCKER_BUILDKIT": "1" if buildkit else "0"},
            polite=signal.SIGINT,
            grace=_GRACE_SECONDS,
            recorded=True,
            heard=heard,
        )


def _failed(spec: ImageSpec, error: CommandFailedError) -> StepFailedError:
    """The last lines of the build, the instruction that failed, and why; all of it is in the log."""
    finished = error.finished
    text = (finished.stdout + b"\n" + finished.stderr).decode(errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip(" -") and not line.startswith(_ADVICE)]
    line = next((match[2] for each in reversed(lines) if (match := _PLACE.match(each.strip()))), "")
    line = line or _line_of_step(spec, lines)
    where = f"{spec.dockerfile}:{line}" if line else str(spec.dockerfile)
    return StepFailedError(
        f"the image {spec.name} cannot be built",
        evidence=tuple(_evidence(lines)),
        command=error.command,
        fix=f"correct {where}, then run the same command again",
    )


def _line_of_step(spec: ImageSpec, lines: Sequence[str]) -> str:
    """Where the last instruction stands that an engine's own builder named; empty: it named none."""
    steps = [match[1] for line in lines if (match := _STEP.match(line))]
    instructions = spec.dockerfile.read_text().splitlines() if steps else []
    places = (number for number, text in enumerate(instructions, start=1) if text.split() == steps[-1].split())
    return next(map(str, places), "")


def _evidence(lines: Sequence[str]) -> Iterable[str]:
    instruction = [line.strip() for line in lines if ">>>" in line]
    place = next((number for number, line in enumerate(lines) if _PLACE.match(line.strip())), len(lines) - 1)
    errors = [line for line in lines[place:] if line.startswith("ERROR")] or lines[-1:]
    output = [line for line in lines[:place] if not line.startswith((">", " >", "ERROR"))]
    return dict.fromkeys([*output[-_OUTPUT_LINES:], *instruction, *errors])
