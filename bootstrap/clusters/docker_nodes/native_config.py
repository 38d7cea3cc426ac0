"""Reads a configuration in a cluster program's own words."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 400


def read_native(file: Path, kind: str, program: str) -> Mapping[str, Any]:
    """The document in the file.

    Raises:
        InvalidError: it cannot be read, or is of another kind.
    """
    from bootstrap.yamltext.kubernetes import load_all  # noqa: PLC0415 - only if there is a file

    try:
        configuration = next(iter(load_all(file.read_text())), None)
    except (OSError, ValueError) as error:
        raise _invalid(file, f"cannot be read: {error}") from error
    if not isinstance(configuration, dict) or configuration.get("kind") != kind:
        raise _invalid(file, f"is not a {program} configuration (kind: {kind})")
    return configuration


def not_accepted(file: Path, program: str, words: bytes) -> InvalidError:
    """The program cannot read the file; `words`: what it said."""
    lines = (_COLOUR.sub("", line).strip() for line in words.decode(errors="replace").splitlines())
    said = " ".join(line for line in lines if line)
    return _invalid(file, f"{program} does not accept it: {said[-_LONGEST:]}")


def _invalid(file: Path, text: str) -> InvalidError:
    return InvalidError([Problem(place=Place(file=str(file)), text=text)])
