"""What the engine reports of an emulator's container."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.model.labels import SPEC_LABEL

if TYPE_CHECKING:
    from docker.models.containers import Container  # loads slowly; only adapters that run need it

_KILLED = 137
_LOG_LINES = 200
"""Of its log, as evidence: what is wrong stands near its end."""


def written_spec(container: "Container") -> dict[str, Any]:
    """What it was declared as when it was created; empty if nothing was recorded."""
    spec = json.loads(container.labels.get(SPEC_LABEL, "{}"))
    return spec if isinstance(spec, dict) else {}


def published_port(container: "Container") -> int:
    """Where the engine publishes it on 127.0.0.1, or would; 0: nowhere."""
    bindings = container.attrs["HostConfig"].get("PortBindings") or {}
    return next(
        (int(binding["HostPort"]) for of in bindings.values() for binding in of or () if binding.get("HostPort")), 0
    )


def exit_code(container: "Container") -> int:
    """What its main process ended with; 0 while it runs."""
    return int(container.attrs["State"].get("ExitCode") or 0)


def running_since(container: "Container") -> datetime | None:
    """When its main process started; None: it is not running, or paused."""
    state = container.attrs["State"]
    if not state.get("Running") or state.get("Paused"):
        return None
    whole = str(state.get("StartedAt") or "").partition(".")[0].rstrip("Z")
    try:
        return datetime.fromisoformat(f"{whole}+00:00")
    except ValueError:
        return None


def last_lines(container: "Container") -> tuple[str, ...]:
    """The end of its log."""
    text = container.logs(tail=_LOG_LINES).decode(errors="replace")
    return tuple(line for line in text.splitlines() if line.strip())


def explained(container: "Container", driver: EmulatorDriver) -> str:
    """Why it ended, as far as its exit code shows."""
    code = exit_code(container)
    exit_codes = {} if driver.image is None else driver.image.exit_codes
    if code in exit_codes:
        return exit_codes[code]
    if container.attrs["State"].get("OOMKilled"):
        return f"{driver.name} was killed because memory ran out (exit code {code})"
    return f"{driver.name} {'was killed' if code == _KILLED else 'ended'} (exit code {code})"
