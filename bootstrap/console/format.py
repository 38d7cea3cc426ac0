"""Times, numbers and outcomes as a person reads them."""

from collections.abc import Iterable, Mapping

from bootstrap.model.event import Outcome, Status
from bootstrap.model.step import StepId

WORDS = {
    Status.DONE: "done",
    Status.UNCHANGED: "unchanged",
    Status.FAILED: "failed",
    Status.SKIPPED: "skipped",
    Status.CANCELLED: "cancelled",
}

_MINUTE = 60
_HOUR = 3600
_TENTHS_BELOW = 10


def stopwatch(seconds: float) -> str:
    """`01:40`, `1:02:03`: time since the run began."""
    whole = int(seconds)
    hours, rest = divmod(whole, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes:02}:{left:02}"


def lasted(seconds: float) -> str:
    """`0.4s`, `41s`, `1m02s`, `1h02m`: how long something took."""
    if seconds < _TENTHS_BELOW:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"


def short_id(step: StepId) -> str:
    """The id without a redundant namespace: `release/redis` for `release/redis/redis`."""
    kind, _, rest = step.partition("/")
    namespace, _, name = rest.partition("/")
    return f"{kind}/{name}" if name and namespace == name else step


def outcome_text(outcome: Outcome) -> str:
    """The text after the id of a step that ended."""
    match outcome.status:
        case Status.FAILED:
            return outcome.error.what.splitlines()[0] if outcome.error is not None else outcome.detail or "failed"
        case Status.SKIPPED:
            return f"needs {short_id(StepId(outcome.detail))}" if outcome.detail else "not wanted"
        case _:
            return outcome.detail or WORDS[outcome.status]


def tally(counts: Mapping[str, int]) -> str:
    """`5 done · 3 unchanged`, in the order of `Status`."""
    parts = [f"{counts[status.value]} {WORDS[status]}" for status in Status if counts.get(status.value)]
    return " · ".join(parts) or "no steps"


def grouped(lines: Iterable[str]) -> list[str]:
    """Each line once, with how often it came."""
    times: dict[str, int] = {}
    for line in lines:
        times[line] = times.get(line, 0) + 1
    return [line if number == 1 else f"{line} ({number} times)" for line, number in times.items()]


def size_text(size: int) -> str:
    """A size as `12.3 MiB`."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:  # noqa: PLR2004 - a unit's worth
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
