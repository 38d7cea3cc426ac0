"""A timeline as a trace that ui.perfetto.dev and chrome://tracing open.

The form is the JSON array of the Trace Event Format. Each lane is a process; what overlaps in it is on threads of its
own, as events of one thread have to be nested.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.console.json_lines import moment
from bootstrap.console.timeline.model import Bar, Lane, PodBar, Segment, Timeline
from bootstrap.console.timeline.rows import in_rows

_PATH, _PODS = "critical path", "pods"
_MICROSECONDS = 1_000_000


def trace_json(timeline: Timeline) -> str:
    """The document as text."""
    metadata = {
        "stack": timeline.stack,
        "command": timeline.command,
        "began": moment(timeline.began),
        "run": timeline.run,
    }
    document = {"traceEvents": list(_events(timeline)), "displayTimeUnit": "ms", "otherData": metadata}
    return json.dumps(document, separators=(",", ":")) + "\n"


def _events(timeline: Timeline) -> Iterator[Mapping[str, Any]]:
    yield from _process(1, _PATH)
    yield from (_segment(segment, timeline) for segment in timeline.path)
    for process, lane in enumerate(Lane, start=2):
        bars = [bar for bar in timeline.bars if bar.lane is lane]
        if bars:
            yield from _process(process, lane.value)
            yield from _lane(bars, process)
    pods = [(bar, pod) for bar in timeline.bars for pod in bar.pods]
    if pods:
        yield from _process(len(Lane) + 2, _PODS)
        yield from _pods(pods, len(Lane) + 2)


def _process(process: int, name: str) -> Iterator[Mapping[str, Any]]:
    yield {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}
    yield {"ph": "M", "name": "process_sort_index", "pid": process, "tid": 0, "args": {"sort_index": process}}


def _thread(process: int, thread: int, name: str) -> Mapping[str, Any]:
    return {"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": name}}


def _segment(segment: Segment, timeline: Timeline) -> Mapping[str, Any]:
    share = f"{segment.seconds / timeline.seconds:.1%}" if timeline.seconds else ""
    arguments = {"why": segment.why, "share of the run": share}
    return _complete(segment.bar or segment.why, (segment.start, segment.end), (1, 1), arguments)


def _lane(bars: Sequence[Bar], process: int) -> Iterator[Mapping[str, Any]]:
    rows = in_rows(bars, lambda bar: (bar.start, bar.end))
    for thread, row in enumerate(rows, start=1):
        yield _thread(process, thread, f"row {thread}")
        yield from (_complete(bar.id, (bar.start, bar.end), (process, thread), _arguments(bar)) for bar in row)


def _arguments(bar: Bar) -> Mapping[str, Any]:
    return {
        "status": bar.status,
        "reason": bar.reason,
        "detail": bar.detail,
        "critical": bar.critical,
        "began after": bar.after,
        "needs": [f"{wait.step}: {wait.reason}" if wait.reason else wait.step for wait in bar.waits],
        "messages": [f"{said.at:.1f}s: {said.text}" for said in bar.said],
        "evidence": list(bar.evidence),
    }


def _pods(pods: Sequence[tuple[Bar, PodBar]], process: int) -> Iterator[Mapping[str, Any]]:
    rows = in_rows(pods, lambda pair: (pair[1].start, pair[1].end))
    for thread, row in enumerate(rows, start=1):
        yield _thread(process, thread, f"row {thread}")
        for bar, pod in row:
            yield _complete(pod.name, (pod.start, pod.end), (process, thread), _pod_arguments(bar, pod))
            for stage, start, end in pod.stages():
                yield _complete(stage, (start, end), (process, thread), {})


def _pod_arguments(bar: Bar, pod: PodBar) -> Mapping[str, Any]:
    return {"step": bar.id, "node": pod.node, "restarts": pod.restarts, "pulls": dict(pod.pulls)}


def _complete(
    name: str, times: tuple[float, float], place: tuple[int, int], arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    start, end = (round(at * _MICROSECONDS) for at in times)
    process, thread = place
    return {
        "ph": "X",
        "name": name,
        "cat": "bootstrap",
        "pid": process,
        "tid": thread,
        "ts": start,
        "dur": end - start,
        "args": _given(arguments.items()),
    }


def _given(items: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    return {name: value for name, value in items if value not in ("", [], {}, None)}
