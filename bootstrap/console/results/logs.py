"""The logs of a stack, as text and as JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.console.json_lines import VERSION, moment


def logs_text(logs: Sequence[Path]) -> str:
    """A path each."""
    return "".join(f"{file}\n" for file in logs)


def logs_json(logs: Sequence[Path]) -> str:
    """`{"version": 1, "logs": [{"name", "file", "written", "bytes"}]}`, the one written last first."""
    rows = [
        {
            "name": file.stem,
            "file": str(file),
            "written": moment(datetime.fromtimestamp(file.stat().st_mtime, tz=UTC)),
            "bytes": file.stat().st_size,
        }
        for file in logs
    ]
    return json.dumps({"version": VERSION, "logs": rows}, indent=2) + "\n"


def log_json(file: Path, text: str) -> str:
    """`{"version": 1, "name", "file", "lines"}`."""
    document = {"version": VERSION, "name": file.stem, "file": str(file), "lines": text.splitlines()}
    return json.dumps(document, indent=2) + "\n"
