"""What `up` would change in a running cluster, unit by unit."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bootstrap.engine.immutable import HELM, MANAGER, as_installed
from bootstrap.engine.plan import Planning
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.step import Keep
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken

T = TypeVar("T")


def differences(
    planning: Planning,
    compare: Callable[[Sequence[Manifest], str, str, KubeContext, CancelToken], T],
    cancel: CancelToken,
    *,
    looked_up: Callable[[PreparedRelease, KubeContext, CancelToken], PreparedRelease] = lambda prepared, *_: prepared,
) -> Iterator[tuple[str, T]]:
    """(unit, the differences of its objects as `compare` finds them) for every release and every Kustomization.

    `looked_up` renders a release with what its chart looks up in the cluster. One that the plan leaves unchanged has no
    differences: a new rendering may hold other random values than the installed one, but it would not be applied.

    Raises:
        RefusedError: the cluster is not running; there is nothing to compare with.
    """
    kube = planning.kube
    units = planning.desired.units
    for part in units.parts:
        applied = [item for item in part.objects if not (kube.simulated and is_api_backend(item))]
        yield ids.objects(part.id), compare(tuple(applied), "default", MANAGER, kube, cancel)
    kept = {step.id for step in planning.plan.steps if isinstance(step.action, Keep)}
    for release in units.releases:
        if ids.release(release.id) in kept:
            continue
        prepared = looked_up(planning.desired.prepared[release.id], kube, cancel)
        objects = tuple(as_installed(prepared, simulated=kube.simulated))
        yield ids.release(release.id), compare(objects, release.target_namespace, HELM, kube, cancel)
