"""Replacements: planned with consent, or refused while the rest of the plan continues; pure."""

import dataclasses
from collections.abc import Sequence

from bootstrap.errors import UsageError
from bootstrap.model.observed import ClusterObserved, EmulatorObserved, ObjectsObserved, Observed, TargetState
from bootstrap.model.replacement import EVERYTHING, Consent, Replacement
from bootstrap.model.step import Action, EnsureCluster, Plan, Replace, Replaceable, StartCluster, Step, StepId
from bootstrap.plan import ids
from bootstrap.plan.ids import find_step, forms


def is_allowed(consent: Consent, step: StepId) -> bool:
    """Whether the target of this step may be deleted and recreated."""
    return consent.covers(forms(step))


def replace_action(
    step: StepId, action: Replaceable, replacement: Replacement, consent: Consent, *, lives: bool = True
) -> Replace:
    """The action of a step that needs a replacement; `step`: the step that needs the consent."""
    return Replace(
        action=action, replacement=replacement, consent_to=step, consented=is_allowed(consent, step), lives=lives
    )


def unconsented(plan: Plan) -> tuple[Step, ...]:
    """The steps that this plan refuses."""
    return tuple(step for step in plan.steps if isinstance(step.action, Replace) and not step.action.consented)


def blocks_nobody(step: Step) -> bool:
    """Whether steps that need a refused step continue: the old one still works."""
    return isinstance(step.action, Replace) and not step.action.consented and step.action.lives


def makes_cluster(action: Action) -> bool:
    """Whether performing it leaves a cluster that was not observed."""
    if isinstance(action, Replace):
        return action.consented and isinstance(action.action, EnsureCluster)
    return isinstance(action, EnsureCluster | StartCluster)


def check_steps(consent: Consent, steps: Sequence[StepId]) -> None:
    """Return when every step that consent was given to is one of these.

    Raises:
        UsageError: a name matches no step, or several.
    """
    for name in sorted(consent.steps - {EVERYTHING}):
        try:
            find_step(name, steps)
        except UsageError as error:
            raise UsageError(
                f"--allow-replace {name}: {error.what}",
                evidence=error.evidence,
                fix=f"{error.fix}; to allow all, write --allow-replace last",
            ) from error


def as_if_replaced(observed: Observed, consent: Consent) -> Observed:
    """The observed state after all consented deletions; later steps are planned from it."""
    replaced = observed.cluster.replacement is not None and is_allowed(consent, ids.CLUSTER)
    if observed.cluster.moves and not replaced:
        observed = dataclasses.replace(observed, cluster=_elsewhere(observed.cluster), immutable={})
    if replaced:
        gone = _without_cluster(observed.cluster)
        nothing = ObjectsObserved()
        observed = dataclasses.replace(
            observed, cluster=gone, releases={}, values_hashes={}, inventory={}, objects=nothing, immutable={}
        )
    emulator = observed.emulator
    if emulator is not None and emulator.replacement is not None and is_allowed(consent, ids.EMULATOR):
        observed = dataclasses.replace(observed, emulator=_without_emulator(emulator), seeds=None)
    return observed


def _without_cluster(cluster: ClusterObserved) -> ClusterObserved:
    return ClusterObserved(state=TargetState.ABSENT, detail=cluster.detail, replacement=cluster.replacement)


def _elsewhere(cluster: ClusterObserved) -> ClusterObserved:
    """One of another provider than is declared, which stays: nothing of the declared platform is put into it."""
    return dataclasses.replace(cluster, state=TargetState.BROKEN, kube=None)


def _without_emulator(emulator: EmulatorObserved) -> EmulatorObserved:
    return EmulatorObserved(state=TargetState.ABSENT, detail=emulator.detail, replacement=emulator.replacement)
