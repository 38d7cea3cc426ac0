"""The output of commands: results on standard output, everything else on standard error."""

import sys
from collections.abc import Callable, Sequence

from bootstrap.config.differences import ValueDifference
from bootstrap.console.stream import write_result, write_text


def show(text: str) -> None:
    """Write a result: the only thing that goes to standard output."""
    write_result(sys.stdout, text)


def report(text: str) -> None:
    """Write a progress line to standard error, outside a run."""
    if text:
        write_text(sys.stderr, f"{text}\n")


def silent(_text: str) -> None:
    """Write nothing."""


def reporter(*, quiet: bool) -> Callable[[str], None]:
    """The function that writes progress lines to standard error, unless `quiet`."""
    return silent if quiet else report


def differences_line(stack: str, differences: Sequence[ValueDifference]) -> str:
    """One line on what is declared differently now than when the stack was brought up; empty: nothing is."""
    if not differences:
        return ""
    return f"stack {stack} is declared differently now: {'; '.join(map(str, differences))}"
