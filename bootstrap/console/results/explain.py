"""The result of `explain`: text for people, JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bootstrap.console.json_lines import VERSION
from bootstrap.console.results.status import cause_record
from bootstrap.model.story import Story

_NOTHING = "Everything is ready: name a step or an object to see its story, such as: bootstrap explain Deployment/web\n"


def explain_text(stories: Sequence[Story]) -> str:
    """Each object with its causes and the fix, then conditions, events and logs."""
    if not stories:
        return _NOTHING
    return "\n".join("".join(f"{line}\n" for line in _lines(story)) for story in stories)


def explain_json(stories: Sequence[Story]) -> str:
    """`{"version": 1, "stories": [{"object", "ready", "state", "step", "needed_by", "causes", …}]}`."""
    return json.dumps({"version": VERSION, "stories": [_record(story) for story in stories]}, indent=2) + "\n"


def _lines(story: Story) -> Iterator[str]:
    yield f"{story.object}: {story.state}"
    if story.step:
        needed = f", which {', '.join(story.needed_by)} need{'s' if len(story.needed_by) == 1 else ''}"
        yield f"  made by {story.step}" + (needed if story.needed_by else "")
    for cause in story.causes:
        yield f"  Cause: {cause.text}"
        yield from (f"    {line}" for line in cause.evidence)
        if cause.fix:
            yield f"    Fix: {cause.fix}"
    yield from _section("Conditions", story.conditions)
    yield from _section("Events", story.events)
    for log in story.logs:
        run = "previous run" if log.previous else "present run"
        yield from _section(f"Log of {log.pod}/{log.container}, {run}", log.lines)


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}" for line in lines)


def _record(story: Story) -> dict[str, Any]:
    ref = story.object
    return {
        "object": {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name},
        "ready": story.ready,
        "state": story.state,
        "step": story.step,
        "needed_by": list(story.needed_by),
        "causes": [cause_record(cause) for cause in story.causes],
        "conditions": list(story.conditions),
        "events": list(story.events),
        "logs": [
            {"pod": log.pod, "container": log.container, "previous": log.previous, "lines": list(log.lines)}
            for log in story.logs
        ],
    }
