"""When the pods of a release were scheduled, pulled, started and ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PodTimes:
    """One pod; Kubernetes reports most of these times in whole seconds."""

    namespace: str
    name: str
    node: str = ""
    created: datetime | None = None
    scheduled: datetime | None = None
    pulled: datetime | None = None
    """When its last image was on the node; None: no event reports it."""
    started: datetime | None = None
    """When its last container started; None: one has not."""
    ready: datetime | None = None
    """None: it is not ready, or it is over."""
    restarts: int = 0
    pulls: Mapping[str, str] | None = None
    """By image, what the node reported: `1.2s`, or `already present`."""
