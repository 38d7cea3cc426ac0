"""The causes, conditions, events and logs of one object, for `explain`."""

from dataclasses import dataclass

from bootstrap.model.cause import Cause
from bootstrap.model.kube import Manifest, ObjectRef


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPart:
    """The last lines of one run of a container."""

    pod: str
    container: str
    previous: bool
    """Whether it is the run before the present one."""
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReport:
    """One object, read just now."""

    object: ObjectRef
    state: str
    """`ready`, or why it is not."""
    ready: bool
    step: str = ""
    """The step that created it; empty: none did."""
    needed_by: tuple[str, ...] = ()
    """The steps that need that step."""
    causes: tuple[Cause, ...] = ()
    conditions: tuple[str, ...] = ()
    """Of the object and of what it made: `Pod web-1: Ready is False: ContainersNotReady: …`."""
    events: tuple[str, ...] = ()
    """The newest last."""
    logs: tuple[LogPart, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    """The object and what it made, as they are in the cluster."""
