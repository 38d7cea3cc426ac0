"""From files and what is there to a plan; changes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from bootstrap.engine.consent import Ask
from bootstrap.engine.observe import observe
from bootstrap.engine.obtain import definitions_of, prepare_all
from bootstrap.engine.platform import PlanOptions, Platform
from bootstrap.errors import BootstrapError, InvalidError, Place, Problem
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import Observed, PreparedRelease
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release
from bootstrap.model.step import ApplyObjects, InstallRelease, Plan, StepId
from bootstrap.plan import ids
from bootstrap.plan.build import Wanted, build_plan
from bootstrap.plan.consent import as_if_replaced, unconsented
from bootstrap.plan.infer import probes
from bootstrap.plan.select import select
from bootstrap.plan.units import cut
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Planning:
    """A plan with what it was made of."""

    plan: Plan
    wanted: Wanted
    observed: Observed
    configuration: Mapping[str, Any] | None = None
    """What the program that makes the cluster is given."""

    @property
    def failures(self) -> tuple[BootstrapError, ...]:
        """What keeps this plan from being run to its end."""
        return failures_of(self.wanted.repo, self.wanted.prepared.values())


def failures_of(repo: FluxRepo, prepared: Iterable[PreparedRelease]) -> tuple[BootstrapError, ...]:
    """What is wrong with a repository and its releases, each once."""
    read = (InvalidError(repo.problems),) if repo.problems else ()
    told = {one.failure.what: one.failure for one in prepared if one.failure is not None}
    return (*read, *told.values())


def plan_up(platform: Platform, options: PlanOptions, cancel: CancelToken) -> Planning:
    """Read, observe and plan; changes nothing.

    Raises:
        InvalidError: the files are wrong, or with `strict` there is something to note.
        RefusedError: something foreign is in the way.
    """
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="plan") as pool:
        configuration = platform.configuration()
        checking = pool.submit(platform.check)
        observing = pool.submit(observe, platform.ports, cancel)
        wanted = wanted_now(platform, options, lambda: observing.result().cluster.kube, cancel)
        checking.result()
        observed = _with_held(platform, wanted.repo.releases, observing.result(), cancel)
    plan = planned(platform, wanted, observed, options)
    observed = as_if_replaced(observed, options.consent)
    return Planning(plan=plan, wanted=wanted, observed=observed, configuration=configuration)


def asked(platform: Platform, planning: Planning, options: PlanOptions, ask: Ask) -> tuple[Planning, PlanOptions]:
    """The plan and its options with the consent that is given when asked for; as they are where none is."""
    refused = unconsented(planning.plan)
    granted = ask(refused) if refused else ()
    if not granted:
        return planning, options
    options = replace(options, consent=options.consent.extended(granted))
    plan = planned(platform, planning.wanted, planning.observed, options)
    return replace(planning, plan=plan, observed=as_if_replaced(planning.observed, options.consent)), options


def planned(platform: Platform, wanted: Wanted, observed: Observed, options: PlanOptions) -> Plan:
    """The part of the plan that is asked for, with what will likely not work as meant.

    Raises:
        InvalidError: the repository's dependencies go round in a circle, or with `strict` there is something to note.
    """
    wanted = replace(wanted, consent=options.consent, start_only=options.start_only)
    plan = select(build_plan(wanted, observed), only=options.only, skip=options.skip)
    plan = replace(plan, notes=(*plan.notes, *platform.preflight(wanted, _applied(plan))))
    unexpected = [note for note in plan.notes if not note.expected]
    if options.strict and unexpected:
        nowhere = Place(file=platform.stack.name)
        raise InvalidError([Problem(place=note.place or nowhere, text=note.text) for note in unexpected])
    return plan


def _applied(plan: Plan) -> tuple[StepId, ...]:
    """The steps that bring objects into the cluster."""
    return tuple(step.id for step in plan.steps if isinstance(step.action, InstallRelease | ApplyObjects))


def lint_all(platform: Platform, work: Work) -> tuple[tuple[Note, ...], tuple[BootstrapError, ...]]:
    """All that can be said against the stack without a cluster, and what is wrong; charts are pulled first.

    Raises:
        InvalidError: its stack file or its fixtures are wrong.
    """
    repo = platform.read(work.cancel)
    platform.check()
    prepared = {one.release.id: one for one in prepare_all(platform, repo.releases, definitions_of(repo), work)}
    wanted = Wanted(stack=platform.stack, repo=repo, prepared=prepared)
    units = cut(platform.stack, repo).listed
    steps = [ids.objects(one.id) if isinstance(one, Kustomization) else ids.release(one.id) for one in units]
    # A suspended release is looked at too: its day may come.
    steps += [ids.release(one.id) for one in repo.releases]
    notes = (*repo.notes, *platform.preflight(wanted, steps))
    return notes, failures_of(repo, prepared.values())


def wanted_now(
    platform: Platform, options: PlanOptions, running: Callable[[], KubeContext | None], cancel: CancelToken
) -> Wanted:
    """The repository as it is now, rendered as far as its charts are here.

    `running` gives the cluster if it runs: charts are told what that serves.

    Raises:
        InvalidError: it is wrong, unless `tolerant`.
    """
    repo = platform.read(cancel)
    if repo.problems and not options.tolerant:
        raise InvalidError(repo.problems)
    prepared = platform.ports.charts.prepare(repo.releases, cancel, kube=running(), definitions=definitions_of(repo))
    wanted = Wanted(stack=platform.stack, repo=repo, prepared=prepared, prune=options.prune)
    asked = any(name.startswith(ids.BUILD) for name in options.only)
    wanted = replace(wanted, preload=platform.ports.images is not None, built=platform.built(), build_simulated=asked)
    return _with_probes(replace(wanted, inferred=platform.infer(wanted)))


def _with_probes(wanted: Wanted) -> Wanted:
    """With what shows whether the webhooks of each release answer; where pods are simulated none is ever called."""
    if wanted.stack.cluster.provider.simulates_pods:
        return wanted
    found = probes(wanted.prepared.values(), cut(wanted.stack, wanted.repo).parts)
    prepared = {key: replace(one, probes=found.get(key, ())) for key, one in wanted.prepared.items()}
    return replace(wanted, prepared=prepared)


def _with_held(platform: Platform, releases: Sequence[Release], observed: Observed, cancel: CancelToken) -> Observed:
    """With the values that only the cluster holds, where there are such and it runs."""
    kube, asking = observed.cluster.kube, [one for one in releases if one.values_from]
    if kube is None or not asking:
        return observed
    return replace(observed, held=platform.ports.charts.held(asking, kube, cancel))
