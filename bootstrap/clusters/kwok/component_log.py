"""How a component ended, from its log."""

import json
import re
import shutil
from pathlib import Path

_TAIL_BYTES = 64 << 10
_LINES = 4
_WIDTH = 300
_SCARCE = 64 << 20
_FAILURE = re.compile(r'^[EF]\d{4} |"level":"(?:ERROR|error|panic|fatal)"|^panic:|^fatal|^Error:|error:')


def significant_lines(log: Path) -> tuple[str, ...]:
    """The last lines that speak of a failure, or the last lines if none does; each shortened."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _FAILURE.search(line)] or lines
    return tuple(_short(_plain(line)) for line in telling[-_LINES:])


def _plain(line: str) -> str:
    """What a line of JSON says; other lines as they are."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict) or "msg" not in said:
        return line
    rest = (str(said[key]) for key in ("msg", "error", "err") if said.get(key))
    return ": ".join((str(said.get("level", "error")).lower(), *rest))


def _short(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"


def disk_note(folder: Path) -> str:
    """That the disk is full, if it is; else empty."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return f"only {free >> 20} MiB are free on the disk of {folder}" if free < _SCARCE else ""
