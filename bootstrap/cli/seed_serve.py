"""`bootstrap seed serve`: restores the data for each line that it reads."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bootstrap.cli.options import typed
from bootstrap.cli.output import show
from bootstrap.cli.seeds import OpenedSeeds
from bootstrap.console.json_lines import error_fields
from bootstrap.errors import BootstrapError, CancelledError, ExitCode, UsageError
from bootstrap.seeds.restore import Restorer
from bootstrap.system.filelock import hold
from bootstrap.system.work import Work


def serve_lines(opened: OpenedSeeds, lines: Iterable[str], baseline: Path | None) -> int:
    """Answer every line; the exit code. An error is an answer too: the next line is served all the same."""
    restorer = Restorer(seeding=opened.seeding, baseline=baseline)
    endpoint = opened.endpoint
    show(json.dumps({"version": 1, "account": endpoint.account, "apart": bool(endpoint.access_key)}) + "\n")
    for line in lines:
        show(json.dumps(_answer(line, restorer, opened)) + "\n")
    return ExitCode.OK


def _answer(line: str, restorer: Restorer, opened: OpenedSeeds) -> dict[str, Any]:
    try:
        paths = _paths(line)
        with hold(opened.lock, typed()):
            restored = restorer.restore(opened.endpoint, Work(opened.cancel, lambda _text: None), paths)
    except CancelledError:
        raise
    except BootstrapError as error:
        return {"version": 1, "error": error_fields(error)}
    return {"version": 1, **restored.to_json()}


def _paths(line: str) -> tuple[Path, ...]:
    """The fixture files that a line asks for.

    Raises:
        UsageError: it is not a request.
    """
    try:
        request = json.loads(line)
        paths = request.get("paths") or ()
        unknown = sorted(set(request) - {"paths"})
    except (ValueError, AttributeError) as error:
        raise UsageError(f"not a request: {line.strip()}", fix='write {} or {"paths": ["FILE"]}') from error
    if unknown:
        raise UsageError(f"{unknown[0]}: unknown key of a request", fix='write {} or {"paths": ["FILE"]}')
    return tuple(map(Path, paths))
