"""The only way to a terminal, a pipe or a log: masked, and never broken by an encoding."""

import re
from typing import Protocol, TextIO

from bootstrap.console.color import painted
from bootstrap.console.mask import SECRETS, Masker

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Colours, titles and cursor movements of the programs whose output is quoted; tab and newline stay."""

_PLAINER = str.maketrans({"·": ",", "…": "...", "✓": "ok", "✗": "x"})


class Writer(Protocol):
    """A sink for whole lines."""

    def write(self, text: str) -> None:
        """Write the text; adds a newline at its end if it has none."""
        ...


def write_text(stream: TextIO, text: str, *, secrets: Masker = SECRETS, color: bool = False) -> None:
    """Write text about a run: masked, without control characters, and with escapes for what the encoding lacks.

    Then, with `color`, our own words are coloured.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    shown = printable(_ended(text), stream.encoding, secrets=secrets)
    _write(stream, painted(shown) if color else shown)


def write_result(stream: TextIO, text: str, *, secrets: Masker = SECRETS) -> None:
    """Write a result, which programs may read: only registered secrets are masked.

    Text that only looks like a secret stays, or `eval "$(bootstrap env)"` and a rendered manifest would be broken.

    Raises:
        BrokenPipeError: nobody reads any more; the command ends quietly (`bootstrap.cli.main`).
    """
    _write(stream, encodable(secrets.mask_registered(_ended(text)), stream.encoding))


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _ended(text: str) -> str:
    return text if text.endswith("\n") or not text else text + "\n"


def printable(text: str, encoding: str | None, *, secrets: Masker = SECRETS) -> str:
    """The text as it may be shown on a stream of this encoding."""
    return encodable(secrets.mask(_CONTROL.sub("", text)), encoding)


def encodable(text: str, encoding: str | None) -> str:
    """The text with characters that `encoding` lacks replaced by simpler ones or escapes; lone surrogates too."""
    name = encoding or "utf-8"
    try:
        text.encode(name)
    except UnicodeEncodeError:
        return text.translate(_PLAINER).encode(name, "backslashreplace").decode(name)
    except LookupError:
        return text.translate(_PLAINER).encode("ascii", "backslashreplace").decode("ascii")
    return text


class ProgressSink:
    """Where progress is written; once nobody reads it any more, the run goes on without output."""

    def __init__(self, stream: TextIO, *, secrets: Masker = SECRETS, color: bool = False) -> None:
        self.stream = stream
        self._color = color
        self.secrets = secrets
        self._open = True

    def write(self, text: str) -> None:
        """See `Writer.write`."""
        if not self._open or not text:
            return
        try:
            write_text(self.stream, text, secrets=self.secrets, color=self._color)
        except (OSError, ValueError):  # a closed pipe, a full disk or a closed file must not stop the run
            self._open = False
