"""Steps, the actions they perform, and the plan they make."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NewType, TypeAlias

from bootstrap.errors import BootstrapError
from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Kustomization, Note, Release
from bootstrap.model.replacement import Replacement
from bootstrap.model.stack import BuiltImage, ClusterSpec, EmulatorSpec

StepId = NewType("StepId", str)
"""`cluster`, `emulator`, `seeds`, `images`, `pull/NS/NAME`, `crds/NS/NAME`, `release/NS/NAME`, `objects/NS/NAME`, …"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """Nothing to do: it is as declared."""

    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refuse:
    """Nothing can be done: what is there is not ours, not proven to be ours, or could not be observed."""

    error: BootstrapError


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureCluster:
    """Create, start or repair the cluster, then prove its identity."""

    spec: ClusterSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class AwaitNodes:
    """Wait until a cluster that is being created is whole: its nodes are Ready and its name service answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureEmulator:
    """Create or start the emulator, then prove that it is one."""

    spec: EmulatorSpec
    release: Release | None = None
    """The release that it is, installed by a step of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StartCluster:
    """Start the cluster as it is, and wait for it; nothing is created, changed or deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StartEmulator:
    """Start the emulator as it is, and wait for it; nothing is created or deleted."""

    release: Release | None = None
    """The release that it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplySeeds:
    """Create and update the AWS data as the fixtures declare them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadImages:
    """Pull the images of pods to this machine's engine while the cluster starts, and copy them to every node."""

    images: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildImage:
    """Build an image of the stack while the cluster starts, and copy it to every node."""

    image: BuiltImage


@dataclass(frozen=True, kw_only=True, slots=True)
class PullChart:
    """Pull a chart into the cache and record its digest."""

    release: Release


@dataclass(frozen=True, kw_only=True, slots=True)
class PullCharts:
    """Pull charts into the cache while the cluster starts, and plan their releases."""

    releases: tuple[Release, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyCrds:
    """Apply a chart's CustomResourceDefinitions server-side and wait until they are Established."""

    prepared: PreparedRelease


@dataclass(frozen=True, kw_only=True, slots=True)
class InstallRelease:
    """Install or upgrade a release, and wait until it is ready."""

    prepared: PreparedRelease
    may_replace: bool = False
    """Whether the user has consented to recreate objects whose fields cannot change in place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyObjects:
    """Apply the plain objects of a Kustomization server-side, and wait if it declares that."""

    kustomization: Kustomization
    fingerprint: str
    may_replace: bool = False
    """As of InstallRelease."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UninstallRelease:
    """Remove a release that we installed."""

    namespace: str
    release_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteObjects:
    """Remove objects of our inventory."""

    owner: str
    objects: tuple[ObjectRef, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteCluster:
    """Delete the cluster and everything that was created with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteEmulator:
    """Delete the emulator, and its data unless they are kept for the next `up`."""

    keep_data: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveLeftovers:
    """Delete everything else that carries the stack's label."""

    keep_data: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoveState:
    """Delete the stack's state folder; with `keep_data` everything in it except for what the next `up` needs."""

    keep_data: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveSnapshot:
    """Stop cluster and emulator, copy their data, and start them again."""

    name: str
    overwrite: bool = False
    """Whether it replaces a snapshot of this name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreSnapshot:
    """Stop cluster and emulator, exchange their data for that of the snapshot, and start them."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BakeNodes:
    """Make a node image that has these images, for the next cluster."""

    images: tuple[str, ...]


Replaceable: TypeAlias = (
    EnsureCluster | EnsureEmulator | InstallRelease | ApplyObjects | UninstallRelease | DeleteObjects | DeleteEmulator
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Replace:
    """Delete something and recreate it as declared; refused unless the user has consented."""

    action: Replaceable
    """The action to perform; its target is deleted first if it would otherwise stay."""
    replacement: Replacement
    consent_to: StepId
    """The step that needs the consent: this one, or the one that it makes room for."""
    consented: bool = False
    lives: bool = True
    """Whether the old one still works if this is refused: then the steps that need it continue with the old one."""


Action: TypeAlias = (
    Keep
    | Refuse
    | Replace
    | EnsureCluster
    | AwaitNodes
    | EnsureEmulator
    | StartCluster
    | StartEmulator
    | ApplySeeds
    | LoadImages
    | BuildImage
    | PullChart
    | PullCharts
    | ApplyCrds
    | InstallRelease
    | ApplyObjects
    | UninstallRelease
    | DeleteObjects
    | DeleteCluster
    | DeleteEmulator
    | RemoveLeftovers
    | RemoveState
    | SaveSnapshot
    | RestoreSnapshot
    | BakeNodes
)


def underlying(action: Action) -> Action:
    """The action that a replacement performs, if it may be performed; any other action is itself."""
    return action.action if isinstance(action, Replace) and action.consented else action


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One action, the steps that it needs, and its reason."""

    id: StepId
    action: Action
    needs: tuple[StepId, ...] = ()
    reason: str
    """For the reader: `not found`, `values changed`, `unchanged`."""
    timeout: timedelta
    estimate: float = 0.0
    """Seconds that it is expected to take: as long as last time, or as such steps take."""


class EdgeKind(StrEnum):
    """Where an edge comes from."""

    DEPENDS_ON = "dependsOn"
    INFERRED = "inferred"
    LISTED = "listed order"
    STRUCTURE = "structure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """`step` may not begin before `needs` is done, because of `reason`."""

    step: StepId
    needs: StepId
    kind: EdgeKind
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Steps in an order in which they could run one by one; start priority is that order."""

    steps: tuple[Step, ...] = ()
    edges: tuple[Edge, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def changes(self) -> int:
        """Steps that would do something."""
        return sum(not isinstance(step.action, Keep | Refuse) for step in self.steps)

    @property
    def refusals(self) -> tuple[BootstrapError, ...]:
        """The errors that keep it from being run, each once."""
        errors = (step.action.error for step in self.steps if isinstance(step.action, Refuse))
        return tuple({error.what: error for error in errors}.values())
