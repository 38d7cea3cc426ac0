"""Why something is not ready: one cause, with its evidence and what to do."""

from dataclasses import dataclass
from enum import StrEnum

from bootstrap.model.kube import ObjectRef


class CauseKind(StrEnum):
    """What keeps an object from becoming ready; the most significant come first."""

    NAMESPACE_TERMINATING = "namespace-terminating"
    OBJECT_TERMINATING = "object-terminating"
    QUOTA = "quota"
    LIMITS = "limits"
    POD_SECURITY = "pod-security"
    ADMISSION = "admission"
    REFUSED = "refused"
    WEBHOOK = "webhook"
    MISSING = "missing-object"
    MISSING_KEY = "missing-key"
    IMAGE_NAME = "invalid-image-name"
    IMAGE_NOT_FOUND = "image-not-found"
    IMAGE_DENIED = "image-denied"
    IMAGE_PLATFORM = "image-platform"
    IMAGE_ABSENT = "image-absent"
    IMAGE_LIMITED = "image-rate-limited"
    REGISTRY_UNREACHABLE = "registry-unreachable"
    IMAGE_PULL = "image-pull"
    OUT_OF_MEMORY = "out-of-memory"
    INIT_FAILED = "init-container-failed"
    CONFIGURATION = "container-configuration"
    START = "container-start"
    CRASH = "crash-loop"
    JOB_FAILED = "job-failed"
    EVICTED = "evicted"
    POD_FAILED = "pod-failed"
    CLAIM = "volume-claim"
    VOLUME = "volume"
    NODE_PRESSURE = "node-pressure"
    NODE_NOT_READY = "node-not-ready"
    UNSCHEDULABLE = "unschedulable"
    GATED = "scheduling-gated"
    SANDBOX = "pod-sandbox"
    LOAD_BALANCER = "load-balancer"
    PULLING = "pulling"
    INIT_RUNNING = "init-container-running"
    PROBE = "probe"
    CONDITION = "condition"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """One cause of a wait."""

    kind: CauseKind
    of: ObjectRef
    """The object that is waited for."""
    object: ObjectRef
    """The object that shows the cause: a pod, a claim, a node, a namespace, or `of` itself."""
    text: str
    """One sentence with the names and the values."""
    evidence: tuple[str, ...] = ()
    """Kubernetes' own words, or the last lines of a container's log."""
    fix: str = ""
    """What to do, with a command that can be pasted; empty if there is nothing to do but wait."""
    terminal: bool = False
    """Whether waiting longer does not help."""

    def lines(self) -> tuple[str, ...]:
        """The sentence and its evidence."""
        return (self.text, *(f"  {line}" for line in self.evidence))
