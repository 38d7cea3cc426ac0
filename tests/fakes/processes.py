"""Processes that never start: a strict script of what is expected."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Finished, ProcessIdentity

Answer = Finished | Callable[[Command], Finished]


def ok(stdout: str = "", stderr: str = "") -> Finished:
    return Finished(returncode=0, stdout=stdout.encode(), stderr=stderr.encode())


def failed(code: int, stderr: str = "", stdout: str = "") -> Finished:
    return Finished(returncode=code, stdout=stdout.encode(), stderr=stderr.encode())


@dataclass
class FakeProcesses:
    """Answers commands by the longest known beginning of their command line; an unknown one fails the test."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    living: dict[int, ProcessIdentity] = field(default_factory=dict)
    stopped: list[tuple[str, signal.Signals]] = field(default_factory=list)

    def run(self, command: Command, cancel: CancelToken, *, check: bool = True) -> Finished:
        cancel.check()
        self.commands.append(command)
        line = " ".join((Path(command.argv[0]).name, *command.argv[1:]))
        prefix = max((start for start in self.answers if line.startswith(start)), key=len, default=None)
        assert prefix is not None, f"unexpected command: {line}"
        answer = self.answers[prefix]
        finished = answer if isinstance(answer, Finished) else answer(command)
        if check and finished.returncode:
            raise CommandFailedError(command, finished)
        return finished

    def spawn(self, command: Command, log: Path) -> ProcessIdentity:
        del log
        self.commands.append(command)
        pid = 1000 + len(self.commands)
        identity = ProcessIdentity(pid=pid, started=f"t{pid}", program=Path(command.argv[0]).name)
        self.living[pid] = identity
        return identity

    def alive(self, identity: ProcessIdentity) -> bool:
        return self.living.get(identity.pid) == identity

    def kill_running(self) -> None:
        self.living.clear()

    def stop(self, identity: ProcessIdentity, cancel: CancelToken, *, polite: signal.Signals, grace: float) -> None:
        del cancel, grace
        self.living.pop(identity.pid, None)
        self.stopped.append((identity.program, polite))
