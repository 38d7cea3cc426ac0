"""The output of commands: results on standard output, everything else on standard error."""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from bootstrap.console.stream import write_result, write_text
from bootstrap.errors import StepFailedError

if TYPE_CHECKING:  # `--help` does without
    from bootstrap.engine.session import Session

_SHOWN = 4
"""Differences in one line."""


def show(text: str) -> bool:
    """Write a result: the only thing that goes to standard output. Whether anybody reads it.

    Whoever reads only the first lines (`| head`) changes nothing about the exit code.

    Raises:
        StepFailedError: it cannot be written.
    """
    try:
        write_result(sys.stdout, text)
    except BrokenPipeError:
        _write_nothing_more()
        return False
    except OSError as error:
        _write_nothing_more()
        raise StepFailedError(
            f"the result cannot be written to standard output: {error.strerror}",
            fix="redirect it to a file that can be written, then run the same command again",
        ) from error
    return True


def _write_nothing_more() -> None:
    """Lead standard output to nowhere: what is left of it would be written at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report(text: str) -> None:
    """Write a progress line to standard error, outside a run; passes if nobody reads it."""
    if text:
        with contextlib.suppress(OSError):
            write_text(sys.stderr, f"{text}\n")


def silent(_text: str) -> None:
    """Write nothing."""


def reporter(*, quiet: bool) -> Callable[[str], None]:
    """The function that writes progress lines to standard error, unless `quiet`."""
    return silent if quiet else report


def differences_line(session: "Session") -> str:
    """One line on what is declared differently now than when the stack was brought up; empty: nothing is.

    If the record of that is damaged, it says that instead.
    """
    stack, differences = session.stack.name, session.differences
    if session.damage:
        used = "so the stack is taken as it is declared now"
        return f"{session.state.remembered} is damaged ({session.damage}), {used}; bootstrap up {stack} writes it again"
    if not differences:
        return ""
    more = f"; and {len(differences) - _SHOWN} more (bootstrap status -o json)" if len(differences) > _SHOWN else ""
    return f"stack {stack} is declared differently now: {'; '.join(map(str, differences[:_SHOWN]))}{more}"
