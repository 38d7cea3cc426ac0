"""How long steps take, and the longest chain that each begins: what to start first if not all can start; pure."""

from collections.abc import Iterable, Mapping, Sequence

from bootstrap.model.kube import Manifest, mapping_in, mappings_in
from bootstrap.model.step import (
    Action,
    ApplyCrds,
    ApplyObjects,
    ApplySeeds,
    AwaitNodes,
    BuildImage,
    EnsureCluster,
    EnsureEmulator,
    InstallRelease,
    LoadImages,
    Plan,
    PullChart,
    PullCharts,
    StartCluster,
    StartEmulator,
    Step,
    StepId,
    underlying,
)
from bootstrap.plan.pods import pod_spec

_SECONDS: Mapping[type[Action], float] = {
    EnsureCluster: 15.0,
    StartCluster: 10.0,
    AwaitNodes: 5.0,
    EnsureEmulator: 3.0,
    StartEmulator: 3.0,
    ApplySeeds: 2.0,
    BuildImage: 20.0,
    LoadImages: 5.0,
    PullChart: 2.0,
    PullCharts: 5.0,
    ApplyCrds: 1.0,
    InstallRelease: 1.0,
    ApplyObjects: 0.5,
}
"""Measured on two cores with everything at hand; what is waited for in pods comes on top."""
_PODS_SECONDS = 4.0
"""Until pods are ready whose program answers at once."""


def estimated(action: Action) -> float:
    """Seconds that it takes if nothing is known of earlier runs."""
    performed = underlying(action)
    return _SECONDS.get(type(performed), 0.0) + _seconds_of_pods(waited_for(performed))


def waited_for(action: Action) -> Sequence[Manifest]:
    """The objects that the step waits for until they are ready."""
    match action:
        case InstallRelease(prepared=prepared) if not prepared.release.disable_wait:
            return prepared.manifests or ()
        case ApplyObjects(kustomization=part) if part.wait or part.health_checks:
            return part.objects
        case _:
            return ()


def _seconds_of_pods(manifests: Iterable[Manifest]) -> float:
    specs = [spec for manifest in manifests if (spec := pod_spec(manifest)) is not None]
    if not specs:
        return 0.0
    return _PODS_SECONDS + max(slowest_probe(spec) for spec in specs)


def slowest_probe(spec: Mapping[str, object]) -> float:
    """Seconds after which the pod can be ready at the earliest, as its probes are configured."""
    return max((_first_look(container) for container in mappings_in(spec, "containers")), default=0.0)


def _first_look(container: Mapping[str, object]) -> float:
    """The readiness probe begins once the startup probe has succeeded."""
    return sum(delay(mapping_in(container, probe)) for probe in ("startupProbe", "readinessProbe"))


def delay(probe: Mapping[str, object]) -> float:
    """Seconds before a probe is asked for the first time."""
    value = probe.get("initialDelaySeconds")
    return float(value) if isinstance(value, int | float) else 0.0


def chains(plan: Plan) -> Mapping[StepId, float]:
    """By step the seconds from its begin to the end of the longest chain of steps that come after it."""
    after: dict[StepId, list[StepId]] = {step.id: [] for step in plan.steps}
    for step in plan.steps:
        for need in step.needs:
            if need in after:
                after[need].append(step.id)
    lengths: dict[StepId, float] = {}
    # A plan is in an order in which its steps could run: what comes after a step is counted before it.
    for step in reversed(plan.steps):
        lengths[step.id] = step.estimate + max((lengths.get(each, 0.0) for each in after[step.id]), default=0.0)
    return lengths


def longest_first(steps: Sequence[Step], count: int, lengths: Mapping[StepId, float]) -> frozenset[StepId]:
    """The `count` steps that begin the longest chains; of equal ones those that come first."""
    return frozenset(step.id for step in sorted(steps, key=lambda step: -lengths.get(step.id, 0.0))[: max(count, 0)])
