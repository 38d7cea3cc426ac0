"""Makes a plan from files and the observed state; changes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from bootstrap.engine.consent import Ask
from bootstrap.engine.fix_commands import completed
from bootstrap.engine.immutable import with_immutable
from bootstrap.engine.observe import observe
from bootstrap.engine.obtain import definitions_of, prepare_all
from bootstrap.engine.session import PlanOptions, Session
from bootstrap.errors import BootstrapError, InvalidError, Place, Problem, RefusedError, raise_all
from bootstrap.model.kube import KubeContext, namespace_ref
from bootstrap.model.observed import Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release
from bootstrap.model.stack import Provider
from bootstrap.model.step import ApplyObjects, InstallRelease, Plan, StepId, underlying
from bootstrap.plan import ids
from bootstrap.plan.build import build_plan
from bootstrap.plan.consent import as_if_replaced, unconsented
from bootstrap.plan.deprecations import discontinued
from bootstrap.plan.desired import Desired
from bootstrap.plan.edges import unmet
from bootstrap.plan.infer import expected, infer, probes
from bootstrap.plan.lint import lint, unknown_value
from bootstrap.plan.namespaces import MissingNamespace, missing_namespaces
from bootstrap.plan.select import select
from bootstrap.plan.slow import slow_probes
from bootstrap.plan.units import Units, cut
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.yamltext.positions import nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class Planning:
    """A plan with the desired and observed state it was made from."""

    plan: Plan
    desired: Desired
    observed: Observed
    configuration: Mapping[str, Any] | None = None
    """The configuration for the program that creates the cluster."""

    @property
    def failures(self) -> tuple[BootstrapError, ...]:
        """The errors that keep this plan from being run to its end."""
        return failures_of(self.desired.repo, self.desired.prepared.values())

    @property
    def kube(self) -> KubeContext:
        """The cluster, which has to be running.

        Raises:
            BootstrapError: it is not, or nothing may be done with it; with what to do.
        """
        if self.observed.cluster.kube is None:
            raise_all(self.plan.refusals)
            raise RefusedError(f"the cluster is not running: {_state(self.observed)}", fix="run: bootstrap up")
        return self.observed.cluster.kube


def _state(observed: Observed) -> str:
    state, detail = observed.cluster.state, observed.cluster.detail
    word = "it was not created" if state is TargetState.ABSENT else state.value
    return f"{word}, {detail}" if detail else word


def failures_of(repo: FluxRepo, prepared: Iterable[PreparedRelease]) -> tuple[BootstrapError, ...]:
    """The problems of a repository and its releases, each once."""
    of_repo = (InvalidError(repo.problems),) if repo.problems else ()
    of_releases = {release.failure.what: release.failure for release in prepared if release.failure is not None}
    return (*of_repo, *of_releases.values())


def plan_up(session: Session, options: PlanOptions, cancel: CancelToken) -> Planning:
    """Read, observe and plan; changes nothing.

    Raises:
        InvalidError: the files are wrong, or with `strict` there is a warning.
        RefusedError: something that is not ours has the name or the port.
    """
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="plan") as pool:
        configuration = session.ports.cluster.configuration()
        checking = pool.submit(check_fixtures, session)
        observing = pool.submit(observe, session.ports, cancel, tolerant=options.tolerant)
        desired = desired_now(session, options, lambda: observing.result().cluster.kube, cancel)
        checking.result()
        observed = replace(observing.result(), failed=session.journal.failures(), seconds=session.journal.seconds())
        observed = _with_values_hashes(session, desired.repo.releases, observed, cancel)
    plan, observed = planned_live(session, desired, observed, options, cancel)
    observed = as_if_replaced(observed, options.consent)
    return Planning(plan=plan, desired=desired, observed=observed, configuration=configuration)


def planned_live(
    session: Session, desired: Desired, observed: Observed, options: PlanOptions, cancel: CancelToken
) -> tuple[Plan, Observed]:
    """As `planned`, with what only the running cluster knows: which objects cannot change, or are of somebody else.

    And the observed state with it.
    """
    plan = planned(session, desired, observed, options)
    live, notes = with_immutable(session, plan, as_if_replaced(observed, options.consent), cancel)
    if live.immutable:
        observed = replace(observed, immutable=live.immutable)
        plan = planned(session, desired, observed, options)
    plan = replace(plan, notes=(*plan.notes, *notes))
    return with_findings(session, plan, desired, observed, cancel), observed


def asked(session: Session, planning: Planning, options: PlanOptions, ask: Ask) -> tuple[Planning, PlanOptions]:
    """The plan and its options with the consent that the user gives; unchanged if it gives none."""
    refused = unconsented(planning.plan)
    granted = ask(refused) if refused else ()
    if not granted:
        return planning, options
    options = replace(options, consent=options.consent.extended(granted))
    plan = planned(session, planning.desired, planning.observed, options)
    plan = replace(plan, notes=tuple(dict.fromkeys((*plan.notes, *planning.plan.notes))))
    return replace(planning, plan=plan, observed=as_if_replaced(planning.observed, options.consent)), options


def planned(session: Session, desired: Desired, observed: Observed, options: PlanOptions) -> Plan:
    """The requested part of the plan, with warnings of `lint`.

    Raises:
        InvalidError: the repository's dependencies form a cycle, or with `strict` there is a warning.
        RefusedError: something of our name exists that is not ours, unless `tolerant`.
    """
    desired = replace(desired, consent=options.consent, start_only=options.start_only)
    whole = build_plan(desired, observed)
    if not options.tolerant:
        raise_all(whole.refusals)
    plan = select(whole, only=options.only, skip=options.skip)
    notes = (*plan.notes, *_preflight(session, desired, _applied(plan)), *_kept_only(session))
    notes = (*notes, *_unused_variables(session, desired.repo))
    plan = replace(plan, notes=tuple(replace(note, text=completed(note.text, session)) for note in notes))
    unexpected = [note for note in plan.notes if not note.expected]
    if options.strict and unexpected:
        nowhere = Place(file=session.stack.name)
        raise InvalidError([Problem(place=note.place or nowhere, text=note.text) for note in unexpected])
    return plan


def with_findings(session: Session, plan: Plan, desired: Desired, observed: Observed, cancel: CancelToken) -> Plan:
    """The plan with notes on what only the running cluster shows: whose objects are there, which namespaces are not."""
    plan = with_ownership(session, plan, observed, cancel)
    notes = tuple(namespace.note() for namespace in _missing_now(session, desired, observed, cancel))
    return replace(plan, notes=(*plan.notes, *notes))


def _missing_now(
    session: Session, desired: Desired, observed: Observed, cancel: CancelToken
) -> Sequence[MissingNamespace]:
    """The namespaces that nothing makes and that are not there either."""
    missing = missing_namespaces(desired)
    kube = observed.cluster.kube
    if kube is None:
        return () if session.stack.cluster.provider is Provider.EXISTING else missing
    refs = {each.name: namespace_ref(each.name) for each in missing}
    absent = session.ports.objects.look(tuple(refs.values()), kube, cancel).missing if refs else frozenset()
    return tuple(each for each in missing if refs[each.name] in absent)


def with_ownership(session: Session, plan: Plan, observed: Observed, cancel: CancelToken) -> Plan:
    """The plan with a note for each release that adopts existing objects of somebody else."""
    actions = (underlying(step.action) for step in plan.steps)
    installed = [action.prepared for action in actions if isinstance(action, InstallRelease)]
    if observed.cluster.kube is None or not installed:
        return plan
    there = {
        prepared.release.id
        for prepared in installed
        if f"{prepared.release.target_namespace}/{prepared.release.release_name}" in observed.releases
    }
    taken = session.ports.charts.adoption_notes(installed, there, observed.cluster.kube, cancel)
    return replace(plan, notes=(*plan.notes, *taken))


def check_fixtures(session: Session) -> None:
    """Read the stack's fixtures, if it has any.

    Raises:
        InvalidError: every problem in them.
    """
    if session.ports.seeds is not None:
        session.ports.seeds.check()


def _unused_variables(session: Session, repo: FluxRepo) -> tuple[Note, ...]:
    """Notes on variables of this command line that nothing names: one of them may be misspelt."""
    if repo.problems:
        return ()
    seeds = session.ports.seeds
    named = repo.named_variables | (frozenset() if seeds is None else seeds.named_variables())
    notes = []
    for value in session.values:
        name = value.path.removeprefix("variables.")
        if value.is_variable and value.is_from_call and name not in named:
            near = nearest(name, named)
            hint = f"; did you mean {near}?" if near is not None else ""
            notes.append(Note(text=f"{value.origin}: no file names a variable {name}: it has no effect{hint}"))
    return tuple(notes)


def _kept_only(session: Session) -> tuple[Note, ...]:
    """Notes on what the stack's emulator stores of the fixtures without acting on it; `--strict` ignores them."""
    texts = () if session.ports.seeds is None else session.ports.seeds.kept_only()
    return tuple(Note(text=text, expected=True) for text in texts)


def _applied(plan: Plan) -> tuple[StepId, ...]:
    """The steps that bring objects into the cluster."""
    return tuple(step.id for step in plan.steps if isinstance(underlying(step.action), InstallRelease | ApplyObjects))


def _preflight(session: Session, desired: Desired, steps: Sequence[str]) -> tuple[Note, ...]:
    """The warnings of `lint` for these steps."""
    if not steps:
        return ()
    notes = list(lint(desired, discontinued(), frozenset(steps)))
    for prepared in desired.prepared.values():
        if ids.release(prepared.release.id) in steps:
            unread = session.ports.charts.unknown_values(prepared)
            notes += [unknown_value(prepared.release, value.path, value.near) for value in unread]
    return tuple(notes)


def lint_all(
    session: Session, work: Work, *, slow: bool = False
) -> tuple[tuple[Note, ...], tuple[BootstrapError, ...]]:
    """All warnings and errors that can be found without a cluster; charts are pulled first.

    With `slow` also what makes `up` wait by its own configuration.

    Raises:
        InvalidError: its stack file or its fixtures are wrong.
    """
    repo = session.ports.repository.read(work.cancel)
    check_fixtures(session)
    rendered = prepare_all(session, repo.releases, definitions_of(repo), work)
    prepared = {release.release.id: release for release in rendered}
    units = cut(session.stack, repo)
    desired = Desired(stack=session.stack, repo=repo, prepared=prepared, already_cut=units)
    steps = [ids.objects(unit.id) if isinstance(unit, Kustomization) else ids.release(unit.id) for unit in units.listed]
    # A suspended release is checked too: it may be resumed later.
    steps += [ids.release(release.id) for release in repo.releases]
    of_charts = (note for release in prepared.values() for note in release.notes)
    notes = (*repo.notes, *_unused_variables(session, repo), *_preflight(session, desired, steps), *of_charts)
    if slow:
        notes = (*notes, *slow_probes(desired, steps, session.ports.charts.value_paths))
    known = session.stack.cluster.provider is not Provider.EXISTING
    homeless = (namespace.note() for namespace in (missing_namespaces(desired) if known else ()))
    loud = (*unmet(repo), *homeless)
    waiting = [Problem(place=note.place or Place(file="."), text=note.text) for note in loud]
    return notes, failures_of(replace(repo, problems=(*repo.problems, *waiting)), prepared.values())


def desired_now(
    session: Session, options: PlanOptions, running: Callable[[], KubeContext | None], cancel: CancelToken
) -> Desired:
    """The repository as it is now, rendered as far as its charts are here.

    `running` gives the cluster if it is running: charts are rendered for the APIs that it serves.

    Raises:
        InvalidError: it is wrong, unless `tolerant`.
    """
    repo = session.ports.repository.read(cancel)
    if repo.problems and not options.tolerant:
        raise InvalidError(repo.problems)
    units = cut(session.stack, repo)
    charts = session.ports.charts
    prepared = charts.prepare(repo.releases, cancel, kube=running(), definitions=definitions_of(repo))
    prepared, units = _with_expected(prepared, units)
    return Desired(
        stack=session.stack,
        repo=repo,
        prepared=_with_probes(session, prepared, units),
        inferred=_inferred(session, prepared, units),
        prune=options.prune or options.prune_all,
        prune_all=options.prune_all,
        up_command=session.up_command,
        preload=session.ports.images is not None,
        built=() if session.ports.builds is None else session.ports.builds.declared,
        build_simulated=any(name.startswith(ids.BUILD) for name in options.only),
        already_cut=units,
    )


def _with_expected(
    prepared: Mapping[str, PreparedRelease], units: Units
) -> tuple[Mapping[str, PreparedRelease], Units]:
    """Each with the objects that it may wait for because another step, or a controller, creates them."""
    expected_objects = expected(prepared.values(), units.parts)
    listed = (
        replace(unit, expected=expected_objects) if isinstance(unit, Kustomization) else unit for unit in units.listed
    )
    return {key: replace(each, expected=expected_objects) for key, each in prepared.items()}, replace(
        units, listed=tuple(listed)
    )


def _inferred(
    session: Session, prepared: Mapping[str, PreparedRelease], units: Units
) -> Sequence[tuple[str, str, str]]:
    """The edges that follow from the rendered manifests."""
    seeds = session.ports.seeds
    return infer(
        prepared.values(),
        units.parts,
        simulated=session.stack.cluster.provider.simulates_pods,
        secrets=None if seeds is None else seeds.declared_secrets(),
    )


def _with_probes(
    session: Session, prepared: Mapping[str, PreparedRelease], units: Units
) -> Mapping[str, PreparedRelease]:
    """Each release with the objects that show whether its webhooks answer; simulated pods serve no webhook."""
    if session.stack.cluster.provider.simulates_pods:
        return prepared
    by_release = probes(prepared.values(), units.parts)
    return {key: replace(release, probes=by_release.get(key, ())) for key, release in prepared.items()}


def _with_values_hashes(
    session: Session, releases: Sequence[Release], observed: Observed, cancel: CancelToken
) -> Observed:
    """The releases with the values that only the cluster holds, if it is running."""
    kube, asking = observed.cluster.kube, [release for release in releases if release.values_from]
    if kube is None or not asking:
        return observed
    return replace(observed, values_hashes=session.ports.charts.values_hashes(asking, kube, cancel))
