"""One platform for all processes of a test run: the first that needs it brings it up, the last one takes it down.

Each process holds a shared lock for as long as it lives, which the system releases however it ends. Whoever gets the
lock for itself alone is the last one. A run of which every process was killed leaves a platform that expires.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_bootstrap_stack.program import Program, ProgramError, find_program

TTL = "2h"
"""The time after which what a killed run has left is removed by any later `up`, or by `bootstrap gc`."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The stack and what becomes of it, from the command line."""

    stack: str
    run: str
    """Names the test run; the same in all its processes."""
    keep: bool = False
    reuse: bool = False

    @property
    def instance(self) -> str:
        """The instance of the stack: one of its own for each run, unless the stack is used as it is."""
        return "" if self.reuse else f"pytest-{self.run[:8]}"

    @property
    def options(self) -> tuple[str, ...]:
        """The options that select the stack for every verb."""
        return ("--stack", self.stack, *(("--name", self.instance) if self.instance else ()))


@dataclass(kw_only=True)
class Session:
    """This process's part in the run."""

    choice: Choice
    project: Path
    """Where stacks are looked for, and above it."""
    folder: Path = field(init=False)
    _users: int = field(init=False)

    def __post_init__(self) -> None:
        """Take part in the run."""
        self.folder = Path(tempfile.gettempdir()) / f"pytest-bootstrap-stack-{os.getuid()}" / self.choice.run
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._users = os.open(self.folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._users, fcntl.LOCK_SH)

    @cached_property
    def program(self) -> Program:
        """The program, looked for when a test needs it.

        Raises:
            ProgramError: it is not installed.
        """
        return find_program(self.project)

    def platform(self) -> dict[str, Any]:
        """The environment of the platform, which is brought up if nobody has; several callers wait for the first.

        Raises:
            ProgramError: it could not be brought up; each process is told so.
        """
        state = self.folder / "platform.json"
        with self.alone("up"):
            if not state.exists():
                state.write_text(json.dumps(self._up()))
        brought: dict[str, Any] = json.loads(state.read_text())
        if "error" in brought:
            raise ProgramError(brought["error"])
        return brought

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Be the only process of the run that does this."""
        descriptor = os.open(self.folder / f"{what}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def end(self) -> str:
        """Leave the run; the last process takes the platform down. What went wrong, or is kept, as text."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._users)
            return ""
        # Nobody else is there: the folder may go with what it says.
        began = (self.folder / "platform.json").exists()
        text = self._down() if began else ""
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()
        os.close(self._users)
        return text

    def _up(self) -> dict[str, Any]:
        choice = self.choice
        named = ("--name", choice.instance) if choice.instance else ()
        expiry = () if choice.keep or choice.reuse else ("--ttl", TTL)
        ports = ("--ports", "auto") if choice.instance else ()
        try:
            self.program.run("up", choice.stack, *named, *expiry, *ports, "--progress", "plain")
            environment = self.program.json("env", *choice.options, "--quiet")
        except ProgramError as error:
            return {"error": str(error)}
        return {"environment": environment}

    def _down(self) -> str:
        choice = self.choice
        if choice.keep or choice.reuse:
            return f"the platform stays up: bootstrap status {' '.join(choice.options)}"
        try:
            self.program.run("down", *choice.options, "--progress", "plain")
        except ProgramError as error:
            return f"the platform could not be taken down: {error}"
        return ""
