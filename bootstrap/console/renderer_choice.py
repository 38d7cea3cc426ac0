"""Chooses the renderer that shows a run."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from typing import TextIO

from bootstrap.console.color import is_colored
from bootstrap.console.json_lines import JsonRenderer
from bootstrap.console.mask import SECRETS, Masker
from bootstrap.console.plain import PlainRenderer
from bootstrap.console.quiet import QuietRenderer
from bootstrap.console.renderer import Renderer
from bootstrap.console.stream import ProgressSink
from bootstrap.system.clock import Clock


def choose_renderer(  # noqa: PLR0913 -- one place knows all that decides
    progress: str,
    *,
    verbosity: int,
    color: bool,
    stderr: TextIO,
    environment: Mapping[str, str],
    clock: Clock,
    secrets: Masker = SECRETS,
) -> Renderer:
    """The renderer for `--progress` auto, live, plain, json or quiet, on standard error.

    `auto` is live on a terminal that can move its cursor, outside of CI, and plain elsewhere; quiet with -q.
    `live` also becomes plain if standard error is not a terminal that can move its cursor.
    """
    colored = is_colored(environment, terminal=stderr.isatty(), allowed=color)
    sink = ProgressSink(stderr, secrets=secrets, color=colored)
    chosen = shown_as(progress, verbosity=verbosity, terminal=stderr.isatty(), environment=environment)
    match chosen:
        case "live":
            from bootstrap.console.live import LiveRenderer  # noqa: PLC0415 -- rich loads slowly

            return LiveRenderer(sink, clock, color=colored)
        case "json":
            return JsonRenderer(ProgressSink(stderr, secrets=secrets), secrets=secrets)
        case "quiet":
            return QuietRenderer(sink)
        case _:
            return PlainRenderer(sink, verbosity=verbosity)


def shown_as(progress: str, *, verbosity: int, terminal: bool, environment: Mapping[str, str]) -> str:
    """`live`, `plain`, `json` or `quiet`."""
    if progress == "json":
        return progress
    if progress == "quiet" or verbosity < 0:
        return "quiet"
    can_draw = terminal and environment.get("TERM") not in {"dumb", None, ""}
    live = progress == "live" or (progress == "auto" and not in_ci(environment))
    return "live" if can_draw and live else "plain"


def in_ci(environment: Mapping[str, str]) -> bool:
    """Whether this is a CI job, which sets `CI`."""
    return environment.get("CI", "").lower() not in {"", "0", "false"}


def is_json_requested(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a command line requests JSON lines, also for errors before its options are parsed."""
    ours = list(takewhile(lambda word: word != "--", arguments))
    asked = [word for before, word in pairwise(ours) if before == "--progress"]
    asked += [word.removeprefix("--progress=") for word in ours if word.startswith("--progress=")]
    return (asked or [environment.get("BOOTSTRAP_PROGRESS", "")])[-1] == "json"
