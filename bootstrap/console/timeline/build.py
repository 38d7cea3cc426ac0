"""From the recorded events of a run to its timeline; docs/events.md describes the records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bootstrap.console.timeline.critical_path import Recorded, Releases, critical_path
from bootstrap.console.timeline.model import ENDING, PLANNING, Bar, Lane, PodBar, Said, Timeline, Wait

_NOT_FINISHED = "not finished"
_LEAST_ENDING = 0.0005
_POINTS = ("created", "scheduled", "pulled", "started", "ready")
_EARLY = 2.0
"""Seconds that a pod may be older than its step: Kubernetes reports whole seconds."""
_LANES = {
    "programs": Lane.PROGRAMS,
    "cluster": Lane.CLUSTER,
    "nodes": Lane.CLUSTER,
    "images": Lane.IMAGES,
    "build": Lane.IMAGES,
    "emulator": Lane.EMULATOR,
    "seeds": Lane.SEEDS,
    "charts": Lane.PULLS,
    "pull": Lane.PULLS,
    "crds": Lane.CRDS,
    "release": Lane.RELEASES,
    "replaced": Lane.RELEASES,
    "objects": Lane.OBJECTS,
}


def timeline_of(records: Iterable[Mapping[str, Any]], run: str = "") -> Timeline | None:
    """The timeline of the last run among these records; None if no run has begun in them."""
    reader = _Reader()
    for record in records:
        reader.add(record)
    return reader.timeline(run)


@dataclass(kw_only=True, slots=True)
class _Open:
    """A step that has begun."""

    at: float
    number: int
    reason: str
    said: list[Said] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class _Reader:
    """Collects what the records of one run say."""

    head: Mapping[str, Any] = field(default_factory=dict)
    began: datetime | None = None
    last: float = 0.0
    exit_code: int | None = None
    number: int = 0
    """Of the present record."""
    has_plan: bool = False
    planned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    edges: dict[str, list[Wait]] = field(default_factory=dict)
    running: dict[str, _Open] = field(default_factory=dict)
    ended: list[Recorded] = field(default_factory=list)
    before_plan: tuple[float, int] = (0.0, 0)
    """When and with which record the planning began."""

    def add(self, record: Mapping[str, Any]) -> None:
        at = _moment(record.get("at"))
        kind = record.get("type")
        if kind == "run_started" and at is not None:
            self._begin(record, at)
        if self.began is None or at is None:
            return
        self.number += 1
        # A clock that is set back during a run makes nothing begin before what came before it.
        self.last = max(self.last, (at - self.began).total_seconds())
        match kind:
            case "planned":
                self._plan(record)
            case "step_started" | "step_progress" | "step_finished":
                self._step(record)
            case "run_finished" | "error":
                self.exit_code = int(record.get("exit_code") or 0)
            case _:
                pass

    def timeline(self, run: str) -> Timeline | None:
        if self.began is None:
            return None
        for step, opened in self.running.items():
            self._end(step, opened, {"status": _NOT_FINISHED})
        if not self.has_plan:
            self._add_planning("failed" if self.exit_code else _NOT_FINISHED)
        recorded = [*self.ended, *self._ending()]
        releases = Releases(recorded)
        path = critical_path(releases, self.last)
        on_path = {segment.bar for segment in path if segment.seconds > 0}
        bars = [replace(releases.marked(each), critical=each.bar.id in on_path) for each in recorded]
        return Timeline(
            run=run,
            stack=str(self.head.get("stack") or ""),
            command=str(self.head.get("command") or ""),
            began=self.began,
            seconds=self.last,
            exit_code=self.exit_code,
            bars=tuple(sorted(bars, key=lambda bar: (bar.start, bar.end))),
            path=path,
        )

    def _begin(self, record: Mapping[str, Any], at: datetime) -> None:
        """A file may hold several runs, one after another: the last one counts."""
        self.head, self.began, self.last, self.exit_code = record, at, 0.0, None
        self.planned, self.edges, self.running, self.ended = {}, {}, {}, []
        self.has_plan, self.before_plan = False, (0.0, self.number)

    def _add_planning(self, status: str) -> None:
        self.number += 1
        start, number = self.before_plan
        bar = Bar(id=PLANNING, lane=Lane.RUN, start=start, end=self.last, status=status, reason="before the plan")
        self.ended.append(Recorded(bar=bar, began=number, ended=self.number))

    def _plan(self, record: Mapping[str, Any]) -> None:
        if not self.has_plan:
            self._add_planning("done")
        self.has_plan = True
        self.planned = {**self.planned, **{str(step["id"]): step for step in record.get("steps") or ()}}
        for edge in record.get("edges") or ():
            waits = self.edges.setdefault(str(edge["step"]), [])
            waits.append(Wait(step=str(edge["needs"]), kind=str(edge["kind"]), reason=str(edge["reason"])))

    def _step(self, record: Mapping[str, Any]) -> None:
        step = str(record.get("step"))
        match record["type"]:
            case "step_started":
                reason = str(record.get("reason") or "")
                self.running[step] = _Open(at=self.last, number=self.number, reason=reason)
            case "step_progress":
                if step in self.running:
                    self.running[step].said.append(Said(at=self.last, text=str(record.get("text") or "")))
            case _:
                reason = str((self.planned.get(step) or {}).get("reason") or "")
                opened = self.running.pop(step, _Open(at=self.last, number=self.number, reason=reason))
                self._end(step, opened, record)

    def _end(self, step: str, opened: _Open, record: Mapping[str, Any]) -> None:
        because = record.get("because_of")
        bar = Bar(
            id=step,
            lane=_LANES.get(step.partition("/")[0], Lane.OTHER),
            start=opened.at,
            end=self.last,
            status=str(record.get("status") or ""),
            reason=opened.reason,
            detail=f"because of {because}" if because else str(record.get("detail") or ""),
            waits=self._waits(step),
            said=_lasting(opened.said, self.last),
            evidence=_evidence(record.get("error")),
            pods=self._pods(record.get("pods") or (), opened.at),
        )
        self.ended.append(Recorded(bar=bar, began=opened.number, ended=self.number))
        if not self.has_plan:
            # Programs that are fetched before there is a plan: the planning begins after them.
            self.before_plan = (self.last, self.number)

    def _waits(self, step: str) -> tuple[Wait, ...]:
        """The step's edges; of a run that recorded none, what it needs."""
        if step in self.edges:
            return tuple({wait.step: wait for wait in self.edges[step]}.values())
        needs = (self.planned.get(step) or {}).get("needs") or ()
        return tuple(Wait(step=str(need), kind="", reason="") for need in needs)

    def _pods(self, pods: Iterable[Mapping[str, Any]], begun: float) -> tuple[PodBar, ...]:
        """Those that came into being in this step; the others were there before."""
        bars = [bar for pod in pods if (bar := self._pod(pod)) is not None]
        return tuple(
            sorted((bar for bar in bars if bar.start >= begun - _EARLY), key=lambda bar: (bar.start, bar.name))
        )

    def _pod(self, pod: Mapping[str, Any]) -> PodBar | None:
        moments = {name: _moment(pod.get(name)) for name in _POINTS}
        points = {
            name: (at - self.began).total_seconds()
            for name, at in moments.items()
            if at is not None and self.began is not None
        }
        if not points:
            return None
        return PodBar(
            name=str(pod.get("name") or ""),
            node=str(pod.get("node") or ""),
            points=points,
            pulls={str(pull["image"]): str(pull["took"]) for pull in pod.get("pulls") or ()},
            restarts=int(pod.get("restarts") or 0),
        )

    def _ending(self) -> Sequence[Recorded]:
        """What follows the last step."""
        end = max((each.bar.end for each in self.ended), default=0.0)
        if self.exit_code is None or self.last - end < _LEAST_ENDING:
            return ()
        bar = Bar(id=ENDING, lane=Lane.RUN, start=end, end=self.last, status="done", reason="after the last step")
        return (Recorded(bar=bar, began=self.number, ended=self.number + 1),)


def _lasting(said: Sequence[Said], end: float) -> tuple[Said, ...]:
    """Each message with how long it stood; one that was only repeated counts once."""
    kept: list[Said] = []
    for each in said:
        if not kept or kept[-1].text != each.text:
            kept.append(each)
    ends = [*(each.at for each in kept[1:]), end]
    return tuple(replace(each, seconds=until - each.at) for each, until in zip(kept, ends, strict=False))


def _evidence(error: Mapping[str, Any] | None) -> tuple[str, ...]:
    if error is None:
        return ()
    lines = [str(error.get("what") or ""), *map(str, error.get("evidence") or ())]
    lines += [f"Command: {error['command']}"] if error.get("command") else []
    return (*lines, *((f"Fix: {error['fix']}",) if error.get("fix") else ()))


def _moment(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
