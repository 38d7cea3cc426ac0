"""The values of a stack and of the settings, as text and as JSON."""

import json
from collections.abc import Sequence

from bootstrap.model.stack import DeclaredValue


def values_text(values: Sequence[DeclaredValue], *, origins: bool) -> str:
    """`path: value`, a line each; with `origins` also what gave it."""
    lines = [f"{value.path}: {_text(value.value)}" for value in values]
    if not origins:
        return "".join(f"{line}\n" for line in lines)
    width = max((len(line) for line in lines), default=0)
    return "".join(f"{line:<{width}}  # {value.origin}\n" for line, value in zip(lines, values, strict=True))


def values_json(values: Sequence[DeclaredValue]) -> str:
    """`{"version": 1, "values": [{"path", "value", "origin"}]}`."""
    entries = [{"path": value.path, "value": value.value, "origin": value.origin} for value in values]
    return json.dumps({"version": 1, "values": entries}, indent=2, default=str) + "\n"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
