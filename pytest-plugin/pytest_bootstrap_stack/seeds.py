"""What the fixture `seeds` does: data as declared in every test."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_bootstrap_stack.program import Program, ProgramError
from pytest_bootstrap_stack.relay import Relay
from pytest_bootstrap_stack.session import Session


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What it took to have the data as declared."""

    changed: tuple[str, ...] = ()
    """Resources that a test had changed, such as `sqs/orders`."""
    deleted: tuple[str, ...] = ()
    """Resources that a test had created."""
    calls: int = 0
    """Requests to the emulator: 0 if nothing was touched."""


class Restore:
    """The program that restores the data of this process's account; it is started once."""

    def __init__(self, program: Program, options: Sequence[str], account: str, baseline: Path) -> None:
        """`account`: used if the emulator keeps it apart from others. `baseline`: for all that share an account."""
        self._process = program.start(
            ("seed", "serve", *options, "--quiet", "--apart", account, "--baseline", str(baseline))
        )
        hello = self._read()
        self.account: str = hello["account"] if hello["apart"] else ""
        """Of this process alone; empty: the one of all."""

    def __call__(self, paths: Sequence[Path]) -> Restored:
        """Restore what is declared, and what the fixture files of `paths` declare.

        Raises:
            ProgramError: something could not be restored.
        """
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.write(json.dumps({"paths": [str(path) for path in paths]}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            error = answer["error"]
            lines = [error["what"], *(f"  {line}" for line in error["evidence"])]
            raise ProgramError("\n".join([*lines, *([f"Fix:   {error['fix']}"] if error["fix"] else [])]))
        calls = answer["calls"]
        return Restored(
            changed=tuple(answer["changed"]), deleted=tuple(answer["deleted"]), calls=calls["read"] + calls["write"]
        )

    def close(self) -> None:
        """End the program."""
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        if not line:
            _, said = self._process.communicate()
            raise ProgramError(said or "bootstrap seed serve ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(kw_only=True)
class Seeds:
    """The data of this process; `clean` is called around every test that uses it."""

    session: Session
    relay: Relay
    restore: Restore
    last: Restored = field(default_factory=Restored)
    """What it took before this test."""
    _paths: tuple[Path, ...] | None = None
    """The fixture files of the test before; None: nothing was restored yet."""

    @contextmanager
    def clean(self, paths: tuple[Path, ...]) -> Iterator[None]:
        """Data as declared; in an account that all share, for one test at a time."""
        with contextlib.ExitStack() as stack:
            if not self.restore.account:
                stack.enter_context(self.session.alone("seeds"))
            self._restore_for(paths)
            try:
                yield
            finally:
                if not self.restore.account and self.relay.touched:
                    self._dirty.touch()

    def __call__(self) -> Restored:
        """Restore now: for a test that changed data in a way that is not seen here, such as by a pod."""
        self.last = self.restore(self._paths or ())
        self.relay.reset()
        return self.last

    @property
    def _dirty(self) -> Path:
        """There if a test of any process has touched an account that all share."""
        return self.session.folder / "touched"

    def _restore_for(self, paths: tuple[Path, ...]) -> None:
        shared = not self.restore.account and self._dirty.exists()
        if not (self.relay.touched or shared or paths != self._paths):
            self.last = Restored()
            return
        self._paths = paths
        self()
        self._dirty.unlink(missing_ok=True)
        if not self.restore.account and paths:
            # The next test of another process does not declare these.
            self._dirty.touch()
