"""The timeline of one run as values; all times are seconds since the run began."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

PLANNING = "planning"
"""The bar from the beginning of the run to its plan: the repository is read, the machine is looked at."""
ENDING = "ending"
"""The bar after the last step: addresses are asked."""

STAGES = {
    "created": "",
    "scheduled": "scheduling",
    "pulled": "pulling",
    "started": "starting",
    "ready": "becoming ready",
}
"""What a pod does before each of its moments, in their order."""


class Lane(StrEnum):
    """What kind of work a bar is, in the order of the picture."""

    RUN = "run"
    PROGRAMS = "programs"
    CLUSTER = "cluster"
    IMAGES = "images"
    EMULATOR = "emulator"
    SEEDS = "seeds"
    PULLS = "pulls"
    CRDS = "CRDs"
    RELEASES = "releases"
    OBJECTS = "objects"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """A step that had to end before, and why."""

    step: str
    kind: str
    """`dependsOn`, `inferred`, `listed order`, `structure`; empty where the run did not record it."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a step was doing or waiting for, and how long that was its last message."""

    at: float
    text: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PodBar:
    """One pod of a step."""

    name: str
    node: str
    points: Mapping[str, float]
    """Of `created`, `scheduled`, `pulled`, `started`, `ready` those that happened."""
    pulls: Mapping[str, str]
    restarts: int = 0

    @property
    def start(self) -> float:
        """When it was created, or first seen."""
        return min(self.points.values())

    @property
    def end(self) -> float:
        """When it was ready, or last did something."""
        return max(self.points.values())

    def stages(self) -> Sequence[tuple[str, float, float]]:
        """What it did, when that began and ended: `scheduling`, `pulling`, `starting`, `becoming ready`."""
        known = sorted(self.points.items(), key=lambda point: (point[1], tuple(STAGES).index(point[0])))
        return [(STAGES[name], before, at) for (_, before), (name, at) in pairwise(known) if at > before]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One step, or a part of the run that belongs to none."""

    id: str
    lane: Lane
    start: float
    end: float
    status: str
    """A status of docs/events.md, or `not finished`."""
    reason: str = ""
    detail: str = ""
    waits: tuple[Wait, ...] = ()
    after: str = ""
    """The bar whose end let it begin; empty: the beginning of the run did."""
    waited: float = 0.0
    """Seconds between that end and its own start."""
    said: tuple[Said, ...] = ()
    evidence: tuple[str, ...] = ()
    """Of a failed step: its error, whole."""
    pods: tuple[PodBar, ...] = ()
    critical: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start

    @property
    def worked(self) -> bool:
        """Whether it was performed at all."""
        return self.seconds > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A part of the critical path."""

    bar: str
    """The bar that it is a part of; empty: nothing was recorded for this time."""
    start: float
    end: float
    why: str = ""
    """What connects it with the segment before."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """One run."""

    run: str
    """The name of its log, such as `up-20260102-101500`; empty if it has none."""
    stack: str
    command: str
    began: datetime
    seconds: float
    exit_code: int | None
    """None: the run was killed, or is not over."""
    bars: tuple[Bar, ...]
    """In the order in which they began."""
    path: tuple[Segment, ...]
    """The critical path: without a gap from the beginning to the end of the run."""

    @property
    def critical_seconds(self) -> float:
        """The sum of the critical path."""
        return sum(segment.seconds for segment in self.path)

    def bar(self, name: str) -> Bar | None:
        """The bar of this name that ended last."""
        return next((bar for bar in reversed(self.bars) if bar.id == name), None)
