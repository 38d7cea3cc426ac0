"""The errors that a user sees: what is wrong, the evidence, and the fix."""

import contextlib
import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the process; `bootstrap --help` lists them."""

    OK = 0
    STEP_FAILED = 1
    USAGE = 2
    INVALID = 3
    REFUSED = 4
    TIMEOUT = 5
    WOULD_CHANGE = 10
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place in the user's files."""

    file: str
    line: int | None = None
    """1-based."""
    path: str | None = None
    """The way to the value inside the document, such as `spec.values.image.tag`."""

    def __str__(self) -> str:
        """`file:line: path`, as far as it is known."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return where if self.path is None else f"{where}: {self.path}"


class BootstrapError(Exception):
    """Something the user can act on; anything else that escapes is a bug (exit 70)."""

    exit_code: ExitCode = ExitCode.STEP_FAILED
    shown_lines: int = 5
    """How many lines of evidence a terminal is shown; the log has all."""

    def __init__(
        self,
        what: str,
        *,
        evidence: Sequence[str] = (),
        command: str | None = None,
        fix: str | None = None,
        log: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.evidence = tuple(evidence)
        """All lines of a program's own output; the renderer shortens them, the log has them whole."""
        self.command = command
        """The exact command, ready to paste."""
        self.fix = fix
        self.log = log


class UsageError(BootstrapError):
    """The command line is wrong (exit 2)."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One problem in the user's files."""

    place: Place
    text: str

    def __str__(self) -> str:
        """`file:line: path: text`."""
        return f"{self.place}: {self.text}"


class InvalidError(BootstrapError):
    """Files that are wrong, or parts that cannot go together (exit 3). Holds every problem found."""

    exit_code = ExitCode.INVALID

    def __init__(self, problems: Sequence[Problem], *, what: str | None = None, fix: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(what or "\n".join(str(problem) for problem in self.problems), fix=fix)


class RefusedError(BootstrapError):
    """A program or a target is missing, or is not what it must be (exit 4). Nothing was written."""

    exit_code = ExitCode.REFUSED


class StepFailedError(BootstrapError):
    """A step could not do its work (exit 1)."""


class DeadlineError(BootstrapError):
    """A wait passed its deadline; names what it waited for (a failed step; exit 1)."""


class CancelledError(BootstrapError):
    """The user, or another step's failure under --fail-fast, stopped this (exit 130)."""

    exit_code = ExitCode.INTERRUPTED


class SeveralError(BootstrapError):
    """Several independent errors; the exit code is that of the first."""

    def __init__(self, errors: Sequence[BootstrapError]) -> None:
        super().__init__("\n".join(error.what for error in errors))
        self.errors = tuple(errors)
        self.exit_code = errors[0].exit_code


@contextlib.contextmanager
def without_successor(what: str, state: str, *, then: str = "bootstrap up") -> Iterator[None]:
    """An error from here on says `what` is gone without a successor, and in `state` what is lost and what is kept.

    Raises:
        StepFailedError: with the evidence of the error; `then` is what to run after its fix.
        CancelledError: as it is.
    """
    try:
        yield
    except CancelledError:
        raise
    except BootstrapError as error:
        raise StepFailedError(
            f"{what}: {error.what}",
            evidence=(*error.evidence, state),
            command=error.command,
            fix=f"{error.fix or 'see the evidence'}; then run: {then}",
            log=error.log,
        ) from error


def system_failure(error: Exception) -> BootstrapError | None:
    """The refusal if the disk is full, over its quota or read only; None: the error has another cause."""
    fix = _DISK.get(error.errno or 0) if isinstance(error, OSError) else None
    if fix is None or not isinstance(error, OSError):
        return None
    where = f": {error.filename}" if error.filename else ""
    return StepFailedError(f"{error.strerror}{where}", fix=f"{fix}, then run the same command again")


_DISK = {
    errno.ENOSPC: "make room on the disk of the state and cache folders",
    errno.EDQUOT: "make room within the quota of the state and cache folders",
    errno.EROFS: "choose folders that can be written (XDG_STATE_HOME, XDG_CACHE_HOME)",
}


def raise_all(errors: Sequence[BootstrapError]) -> None:
    """Raise what there is; return when there is nothing.

    Raises:
        BootstrapError: the one that there is, or a SeveralError.
    """
    if errors:
        raise errors[0] if len(errors) == 1 else SeveralError(errors)
