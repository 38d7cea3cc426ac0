"""The values of a stack and of the settings, as text and as JSON."""

import json
from collections.abc import Sequence

from bootstrap.model.stack import DeclaredValue


def values_text(values: Sequence[DeclaredValue], *, origins: bool) -> str:
    """`path: value`, a line each; with `origins` also what gave it."""
    lines = [f"{one.path}: {_text(one.value)}" for one in values]
    if not origins:
        return "".join(f"{line}\n" for line in lines)
    width = max((len(line) for line in lines), default=0)
    return "".join(f"{line:<{width}}  # {one.origin}\n" for line, one in zip(lines, values, strict=True))


def values_json(values: Sequence[DeclaredValue]) -> str:
    """`{"version": 1, "values": [{"path", "value", "origin"}]}`."""
    found = [{"path": one.path, "value": one.value, "origin": one.origin} for one in values]
    return json.dumps({"version": 1, "values": found}, indent=2, default=str) + "\n"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
