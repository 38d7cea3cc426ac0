"""A timeline as JSON, for programs; docs/timeline.md describes it."""

import json
from collections.abc import Mapping
from typing import Any

from bootstrap.console.json_lines import VERSION, moment
from bootstrap.console.timeline.model import Bar, PodBar, Segment, Timeline


def timeline_json(timeline: Timeline) -> str:
    """The document as text."""
    return json.dumps(timeline_document(timeline), indent=2) + "\n"


def timeline_document(timeline: Timeline) -> Mapping[str, Any]:
    """`{"version": 1, "run", "stack", "command", "began", "seconds", "exit_code", "critical_path", "steps"}`."""
    return {
        "version": VERSION,
        "run": timeline.run or None,
        "stack": timeline.stack,
        "command": timeline.command,
        "began": moment(timeline.began),
        "seconds": _rounded(timeline.seconds),
        "exit_code": timeline.exit_code,
        "critical_path": [_segment(segment) for segment in timeline.path],
        "steps": [_bar(bar) for bar in timeline.bars],
    }


def _segment(segment: Segment) -> Mapping[str, Any]:
    times = {"start": _rounded(segment.start), "seconds": _rounded(segment.seconds)}
    return {"step": segment.bar or None, **times, "why": segment.why or None}


def _bar(bar: Bar) -> Mapping[str, Any]:
    return {
        "step": bar.id,
        "lane": bar.lane.value,
        "start": _rounded(bar.start),
        "seconds": _rounded(bar.seconds),
        "status": bar.status,
        "critical": bar.critical,
        "reason": bar.reason,
        "detail": bar.detail,
        "needs": [{"step": wait.step, "kind": wait.kind or None, "reason": wait.reason or None} for wait in bar.waits],
        "after": bar.after or None,
        "waited": _rounded(bar.waited),
        "messages": [
            {"at": _rounded(said.at), "seconds": _rounded(said.seconds), "text": said.text} for said in bar.said
        ],
        "evidence": list(bar.evidence),
        "pods": [_pod(pod) for pod in bar.pods],
    }


def _pod(pod: PodBar) -> Mapping[str, Any]:
    points = {name: _rounded(at) for name, at in pod.points.items()}
    return {"name": pod.name, "node": pod.node or None, **points, "restarts": pod.restarts, "pulls": dict(pod.pulls)}


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
