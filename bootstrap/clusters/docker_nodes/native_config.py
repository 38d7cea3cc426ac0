"""Reads a configuration in a cluster program's own words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem


def read_native(file: Path, kind: str, program: str) -> Mapping[str, Any]:
    """The document in the file.

    Raises:
        InvalidError: it cannot be read, or is of another kind.
    """
    from bootstrap.yamltext.kubernetes import load_all  # noqa: PLC0415 - only where there is a file

    try:
        found = next(iter(load_all(file.read_text())), None)
    except (OSError, ValueError) as error:
        raise _invalid(file, f"cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != kind:
        raise _invalid(file, f"is no {program} configuration (kind: {kind})")
    return found


def _invalid(file: Path, text: str) -> InvalidError:
    return InvalidError([Problem(place=Place(file=str(file)), text=text)])
