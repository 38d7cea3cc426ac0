"""The causes, conditions, events and logs of one object, for `explain`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.errors import BootstrapError
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
    there: bool = True
    """Whether it is in the cluster."""
    simulated: bool = False
    """Whether its pods are simulated: they exist in the API alone."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What is known of the objects that were asked for, and how the last run of their steps failed."""

    reports: tuple[ObjectReport, ...] = ()
    failures: Mapping[str, BootstrapError] = field(default_factory=dict)
    """By id of a step that failed when it was performed last."""
    subject: str = ""
    """The step or object that was asked for; empty: everything that is not ready."""

    @property
    def found(self) -> bool:
        """Whether everything that was asked for by its name is in the cluster."""
        return not self.subject or all(report.there for report in self.reports)
