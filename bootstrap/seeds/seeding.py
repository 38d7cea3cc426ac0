"""The verbs: plan, apply, refresh, reset, prune; each looks first and returns what it found and did."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from bootstrap.errors import InvalidError, RefusedError, StepFailedError, UsageError
from bootstrap.model.count import counted
from bootstrap.model.observed import EmulatorEndpoint, SeedsObserved
from bootstrap.seeds.elsewhere import left_behind
from bootstrap.seeds.emulator_contents import contents, delete_all, enabled
from bootstrap.seeds.execute import Run, clear, make
from bootstrap.seeds.generated_secrets import GeneratedSecrets
from bootstrap.seeds.init_scripts.run import Ended, ScriptRun, check_scripts, run_scripts
from bootstrap.seeds.init_scripts.scripts import Script, chosen, scripts_in
from bootstrap.seeds.load import Fixtures, load
from bootstrap.seeds.marker_store import forget_notes
from bootstrap.seeds.model import Action, DifferenceKind, Observed, ResourceId
from bootstrap.seeds.observe import Case, Options, Survey
from bootstrap.seeds.results import Failure, ResourceChange, SeedPlan, SeedResult
from bootstrap.seeds.services.base import Service
from bootstrap.seeds.services.lambda_.configuration import not_running
from bootstrap.seeds.services.lambda_.smoke_events import LAMBDA_INVOKE
from bootstrap.seeds.services.registry import all_services
from bootstrap.seeds.target import AwsError, Target
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Processes, SystemProcesses
from bootstrap.system.work import Work

_DEFAULTS = Options()
Empty: TypeAlias = Callable[[Callable[[], Sequence[str]]], EmulatorEndpoint]
"""Given how to delete everything through the API, which gives back what it could not delete, empties the emulator in
the best way it has; its new endpoint."""
Follow: TypeAlias = Callable[[Sequence[str], Work], None]
"""(names of secrets, …): whoever copies them does it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeding:
    """Fixtures, and whose they are. Implements the engine's port `Seeds`."""

    owner: str
    """The value of our tag; one per stack and project."""
    paths: Sequence[Path]
    """Fixture files and folders."""
    state: Path
    """Where generated secrets are kept."""
    environment: Mapping[str, str]
    whole: Sequence[Path] = ()
    """Where else fixtures of this owner lie, if `paths` are only a part: what they declare is no longer declared by
    nobody, so that a part never makes anything else an orphan."""
    variables: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=all_services)
    processes: Processes = field(default_factory=lambda: SystemProcesses(SystemClock()))
    """Runs init scripts."""
    follow: Follow | None = None
    """Called with the secrets that were written, right after they were."""

    driver: str = ""
    """Of the stack's emulator, as far as it is known before it runs."""
    capabilities: frozenset[str] | None = None
    """What that emulator will be able to do; None: it has to be asked."""

    _read: list[Fixtures] = field(default_factory=list, init=False, repr=False, compare=False)
    """The fixtures, once they were read: a run sees one state of the files."""

    def fixtures(self) -> Fixtures:
        """Read and check the files, once.

        Raises:
            InvalidError: every problem in all of them.
        """
        if not self._read:
            self._read.append(load(self.paths, self.services, self.variables))
        return self._read[0]

    def elsewhere(self) -> frozenset[ResourceId]:
        """What is declared outside `paths` by the same owner.

        Raises:
            InvalidError: every problem in those files.
            RefusedError: some of them are gone.
        """
        if not self.whole:
            return frozenset()
        gone = [str(path) for path in self.whole if not path.exists()]
        if gone:
            raise _GoneError(
                f"fixtures that were applied before are gone: {', '.join(gone)}",
                fix="bring them back, or delete what they declared by name: bootstrap seed prune --only SERVICE/NAME",
            )
        return frozenset(load(self.whole, self.services, self.variables).by_id) - self.fixtures().by_id.keys()

    def check(self) -> None:
        """See `Seeds.check`."""
        self.fixtures()

    def declared_secrets(self) -> frozenset[str]:
        """See `Seeds.declared_secrets`."""
        return frozenset(fixture.name for fixture in self.fixtures().by_id if fixture.service == "secretsmanager")

    def named_variables(self) -> frozenset[str]:
        """See `Seeds.named_variables`."""
        return self.fixtures().named_variables

    def kept_only(self) -> tuple[str, ...]:
        """See `Seeds.kept_only`."""
        declares_functions = any(resource.service == "lambda" for resource in self.fixtures().by_id)
        if self.capabilities is None or LAMBDA_INVOKE in self.capabilities or not declares_functions:
            return ()
        return (f"functions are created as declared but cannot run on {self.driver}, {not_running(self.driver)}",)

    def lint(self) -> Fixtures:
        """The fixtures, if nothing is wrong with them or with the files that they name; asks no emulator.

        Raises:
            InvalidError: every problem.
        """
        fixtures = self.fixtures()
        problems = [
            problem
            for fixture in fixtures.by_id.values()
            for problem in self.services[fixture.id.service].lint(fixture)
        ]
        if problems:
            raise InvalidError(problems)
        return fixtures

    def observe(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> SeedsObserved:
        """See `ports.Seeds`."""
        plan = self.plan(endpoint, cancel, thorough=False)
        return SeedsObserved(changes=plan.changes, detail=plan.summary(), secrets=_secrets(plan.resources))

    def apply(self, endpoint: EmulatorEndpoint, work: Work) -> SeedsObserved:
        """See `ports.Seeds`.

        Raises:
            StepFailedError: some resources could not be created or updated.
        """
        result = raise_failures(self.apply_fixtures(endpoint, work))
        warned = "".join(f"; commands failed in {warning.id}: see {warning.log}" for warning in result.warnings)
        return SeedsObserved(
            changes=result.changed, detail=result.summary() + warned, secrets=_secrets(result.resources)
        )

    def plan(
        self, endpoint: EmulatorEndpoint, cancel: CancelToken, options: Options = _DEFAULTS, *, thorough: bool = True
    ) -> SeedPlan:
        """What `apply` would do, and what is otherwise not as declared. `thorough` compares every item and object."""
        with _Opened(self, endpoint, cancel, options) as survey:
            cases = survey.cases(thorough=thorough, writes=False)
            orphans, unknown = self._listed_orphans(survey) if thorough and not options.only else ([], ())
            scripts = _script_changes(survey)
            changes = [*(case.change() for case in cases), *scripts, *map(_orphan, orphans)]
            return SeedPlan(
                owner=self.owner,
                endpoint=endpoint,
                resources=tuple(changes),
                calls=survey.target.calls,
                notes=(*_remarks(survey, cases), *unknown),
            )

    def apply_fixtures(self, endpoint: EmulatorEndpoint, work: Work, options: Options = _DEFAULTS) -> SeedResult:
        """Apply. Makes no write call if nothing differs."""
        return self._write(endpoint, work, options, verb="apply")

    def refresh(self, endpoint: EmulatorEndpoint, work: Work, options: Options = _DEFAULTS) -> SeedResult:
        """Apply, and return the data to what is declared."""
        return self._write(endpoint, work, options, verb="refresh")

    def reset(
        self,
        endpoint: EmulatorEndpoint,
        work: Work,
        empty: Empty,
        options: Options = _DEFAULTS,
    ) -> SeedResult:
        """Empty the emulator with `empty`, then apply. Generated secrets stay.

        Limited to some services or resources, those alone are deleted, through the API.
        """
        if not options.services and not options.only:
            self._refuse_part()
        with _Opened(self, endpoint, work.cancel, options) as survey:
            # Whatever is wrong with the fixtures is reported while there is still something in the emulator.
            cases = survey.cases(thorough=False, writes=False)
            check_scripts(_scripts(survey))
            services = enabled(survey.target, self.services, options.asks)
            listed = contents(survey.target, services, options.covers)
            deletions = [_deletion(resource) for resource in listed]
            if options.dry_run:
                creations = [_creation(case) for case in cases]
                scripts = [_run_again(script) for script in _scripts(survey)]
                changes = (*deletions, *creations, *scripts)
                return self._result("reset", survey, changes, [], dry_run=True, notes=_others(endpoint, options))
            work.notify(f"emptying the emulator of {counted(len(listed), 'resource')}")
            limited = bool(options.services or options.only)
            if limited:
                _refuse_left(delete_all(survey.target, services, listed, work.notify))
                survey.marker.forget_all(listed)
        if not limited:
            endpoint = empty(lambda: self.empty(endpoint, work))
        result = self._write(endpoint, work, options, verb="reset")
        return replace(
            result, resources=(*deletions, *result.resources), notes=(*result.notes, *_others(endpoint, options))
        )

    def empty(self, endpoint: EmulatorEndpoint, work: Work) -> list[str]:
        """Delete through the API everything of the services that fixtures can declare, and our notes.

        What the emulator does not delete is given back, each with the reason.
        """
        target = Target(endpoint, self.owner, work.cancel, self.state)
        try:
            services = enabled(target, self.services, lambda _service: True)
            resources = contents(target, services, lambda _resource: True, ours=True)
            left = delete_all(target, services, resources, work.notify)
            forget_notes(target)
            return left
        finally:
            target.close()

    def prune(self, endpoint: EmulatorEndpoint, work: Work, options: Options = _DEFAULTS) -> SeedResult:
        """Delete what carries our label and is not declared."""
        with _Opened(self, endpoint, work.cancel, options, declared=False) as survey:
            orphans = self._orphans(survey)
            _named(survey, orphans)
            cases = [_only_orphans(case) for case in survey.cases(thorough=True, writes=False)]
            inside = [case for case in cases if case.differences]
            failures = [] if options.dry_run else self._delete(survey, orphans, work)
            if not options.dry_run:
                for case in inside:
                    clear(survey, case)
            failed = {failure.id for failure in failures}
            pruned = (replace(_pruned(orphan), applies=orphan.id not in failed) for orphan in orphans)
            changes = (*pruned, *(case.change(applies=True) for case in inside))
            return self._result("prune", survey, changes, failures, dry_run=options.dry_run)

    def _orphans(self, survey: Survey) -> list[Observed]:
        """What carries our label and is declared nowhere.

        Raises:
            RefusedError: nothing is declared at all: then there is nothing to compare with.
        """
        elsewhere = frozenset[ResourceId]() if survey.options.only else self.elsewhere()
        orphans = [orphan for orphan in survey.orphans() if orphan.id not in elsewhere]
        if orphans and not survey.options.only and not survey.fixtures.by_id and not elsewhere:
            names = sorted(str(orphan.id) for orphan in orphans)
            raise RefusedError(
                f"{', '.join(map(str, self.paths))} declares nothing to compare with: all {len(orphans)} resources that"
                " bootstrap created here would count as no longer declared",
                evidence=names,
                fix="name the folder of the fixtures, or delete by name: bootstrap seed prune --only "
                f"{shlex.quote(names[0])}",
            )
        return orphans

    def _listed_orphans(self, survey: Survey) -> tuple[list[Observed], tuple[str, ...]]:
        """As `_orphans`; none, and a note, if the other fixtures of this owner cannot be read."""
        try:
            return self._orphans(survey), ()
        except InvalidError as error:
            return [], (f"what is no longer declared is not listed: {error.problems[0]}",)
        except _GoneError as error:
            return [], (f"what is no longer declared is not listed: {error.what}",)

    def _refuse_part(self) -> None:
        """Check that `paths` declare all that this owner's fixtures do: `reset` empties the whole emulator.

        Raises:
            RefusedError: they are only a part.
        """
        left_out = sorted(replace(self, whole=[path for path in self.whole if path.exists()]).elsewhere())
        if left_out:
            declared = sorted(self.fixtures().by_id)
            only = " ".join(f"--only {shlex.quote(str(resource))}" for resource in declared[:3])
            raise RefusedError(
                f"reset empties the whole emulator, and {', '.join(map(str, self.paths))} declares only a part:"
                f" {len(left_out)} resources would be missing afterwards",
                evidence=[str(resource) for resource in left_out],
                fix=f"leave out the path, or reset by name: bootstrap seed reset {only}",
            )

    def _delete(self, survey: Survey, orphans: Sequence[Observed], work: Work) -> list[Failure]:
        """Delete them all; what the emulator does not delete stays ours, and is a failure."""
        failures = []
        for orphan in _deletable(orphans, self.services):
            work.notify(f"deleting {orphan.id}")
            try:
                self.services[orphan.id.service].delete(survey.target, orphan)
            except AwsError as error:
                failures.append(Failure(id=orphan.id, error=error))
            else:
                survey.marker.forget(orphan.id)
        return failures

    def _write(self, endpoint: EmulatorEndpoint, work: Work, options: Options, *, verb: str) -> SeedResult:
        extras = verb == "refresh"
        with _Opened(self, endpoint, work.cancel, options) as survey:
            if options.rotate:
                survey.rotate()
            cases = survey.cases(thorough=extras, writes=not options.dry_run)
            if extras:
                cases = [survey.forgotten(case) for case in cases]
            acting = [case for case in cases if _acts(case, extras=extras)]
            _refuse_replace(acting, options)
            scripts = _script_changes(survey)
            ended = Ended() if options.dry_run else self._perform(survey, acting, work, extras=extras)
            failed = {failure.id for failure in ended.failures}
            changes = [case.change(applies=case in acting and case.fixture.id not in failed) for case in cases]
            changes.extend(replace(script, applies=script.applies and script.id not in failed) for script in scripts)
            notes = (*_remarks(survey, cases), *ended.notes)
            if self.follow is not None and not options.dry_run:
                self.follow(_secrets([change for change in changes if change.applies]), work)
            result = self._result(verb, survey, tuple(changes), ended.failures, dry_run=options.dry_run, notes=notes)
            return replace(result, warnings=tuple(ended.warnings))

    def _perform(self, survey: Survey, acting: Sequence[Case], work: Work, *, extras: bool) -> Ended:
        created = [case.fixture.id for case in acting if case.observed is None]
        if created:
            survey.marker.begin(created)
        run = Run(survey.fixtures.order, lambda case: make(survey, case, extras=extras))
        if acting:
            run.all(acting, survey, work.notify)
            failed = {failure.id for failure in run.failures}
            survey.reread_written(case for case in acting if case.fixture.id not in failed)
        pending = _pending(survey)
        if run.failures:
            skipped = [Failure(id=script.id, error=None, because=run.failures[0].id) for script in pending]
            return Ended(failures=[*run.failures, *skipped])
        if not pending:
            return Ended()
        how = ScriptRun(endpoint=survey.target.endpoint, processes=self.processes, logs=self.state / "logs")
        return run_scripts(pending, how, work, lambda script: survey.marker.do_once(str(script.id), script.content))

    def _result(
        self,
        verb: str,
        survey: Survey,
        changes: tuple[ResourceChange, ...],
        failures: Sequence[Failure],
        *,
        dry_run: bool,
        notes: tuple[str, ...] = (),
    ) -> SeedResult:
        return SeedResult(
            verb=verb,
            owner=self.owner,
            endpoint=survey.target.endpoint,
            resources=changes,
            calls=survey.target.calls,
            incarnation=survey.marker.incarnation,
            failures=tuple(failures),
            dry_run=dry_run,
            notes=notes,
        )


class _GoneError(RefusedError):
    """Fixtures that were applied before do not exist any more."""


class _Opened:
    """A survey that has looked; closes its connections."""

    def __init__(
        self,
        seeding: Seeding,
        endpoint: EmulatorEndpoint,
        cancel: CancelToken,
        options: Options,
        *,
        declared: bool = True,
    ) -> None:
        fixtures = seeding.fixtures()
        if declared:
            _known(fixtures, options)
        self._survey = Survey(
            fixtures=fixtures,
            services=seeding.services,
            target=Target(endpoint, seeding.owner, cancel, seeding.state),
            environment=seeding.environment,
            generated=GeneratedSecrets(seeding.state),
            options=options,
        )

    def __enter__(self) -> Survey:
        try:
            self._survey.look()
        except BaseException:
            self._survey.target.close()
            raise
        return self._survey

    def __exit__(self, *_: object) -> None:
        self._survey.target.close()


def raise_failures(result: SeedResult) -> SeedResult:
    """The result, if nothing failed.

    Raises:
        StepFailedError: with each failure as evidence.
    """
    failed = [failure for failure in result.failures if failure.error is not None]
    if not failed:
        return result
    skipped = len(result.failures) - len(failed)
    more = f", {skipped} more need it" if skipped else ""
    if len(failed) == 1:
        only = failed[0].error
        assert only is not None  # noqa: S101 - those without an error are left out above
        raise StepFailedError(
            f"{failed[0].id} could not be created or updated{more}: {only}",
            evidence=only.evidence,
            command=only.command,
            fix=only.fix,
            log=only.log,
        )
    what = f"{len(failed)} resources could not be created or updated{more.replace('it', 'them')}"
    raise StepFailedError(
        what,
        evidence=[f"{failure.id}: {failure.error}" for failure in failed],
        fix=next((failure.error.fix for failure in failed if failure.error and failure.error.fix), None),
        log=next((failure.error.log for failure in failed if failure.error and failure.error.log), None),
    )


def _secrets(changes: Sequence[ResourceChange]) -> tuple[str, ...]:
    names = (
        change.id.name
        for change in changes
        if change.id.service == "secretsmanager" and change.action is not Action.ORPHANED
    )
    return tuple(sorted(names))


def _scripts(survey: Survey) -> list[Script]:
    """The init scripts that the verb is about."""
    options = survey.options
    scripts = scripts_in(survey.fixtures.folders)
    return [script for script in scripts if options.covers(script.id)]


def _pending(survey: Survey) -> list[Script]:
    """Those of them that are to run: not done with what they can read now, or asked for."""
    scripts = _scripts(survey)
    again = chosen(scripts, survey.options.rerun)
    return [script for script in scripts if script.id in again or not script.done(survey.marker)]


def _script_changes(survey: Survey) -> list[ResourceChange]:
    """What must be reported of the init scripts.

    Raises:
        InvalidError: one of those that would run could not start, or would ask another host than the emulator.
    """
    again = chosen(_scripts(survey), survey.options.rerun)
    check_scripts(_pending(survey))
    return [script.change(survey.marker, again=script.id in again) for script in _scripts(survey)]


def _remarks(survey: Survey, cases: Sequence[Case]) -> tuple[str, ...]:
    left = left_behind(survey.target, survey.services, survey.marker)
    all_remarks = (survey.services[case.fixture.id.service].remarks(survey.target, case.desired) for case in cases)
    return tuple(dict.fromkeys((*left, *(remark for remarks in all_remarks for remark in remarks))))


def _known(fixtures: Fixtures, options: Options) -> None:
    """What `--only` names must be declared: a misspelt name would silently do nothing."""
    scripts = {script.id for script in scripts_in(fixtures.folders)}
    missing = sorted(
        resource_id for resource_id in options.only if resource_id not in fixtures.by_id and resource_id not in scripts
    )
    if missing:
        names = ", ".join(str(resource_id) for resource_id in sorted(fixtures.by_id))
        raise UsageError(f"{missing[0]} is not declared", fix=f"declared are: {names}")


def _named(survey: Survey, orphans: Sequence[Observed]) -> None:
    """What `prune --only` names is ours: declared, or no longer."""
    ours = {*survey.fixtures.by_id, *(orphan.id for orphan in orphans)}
    missing = sorted(survey.options.only - ours)
    if missing:
        fix = f"no longer declared are: {', '.join(str(orphan.id) for orphan in orphans) or 'none'}"
        raise UsageError(f"{missing[0]} is neither declared nor created by bootstrap", fix=fix)


def _acts(case: Case, *, extras: bool) -> bool:
    return case.acts or (extras and case.action is Action.DRIFTED and bool(case.differences))


def _refuse_replace(acting: Sequence[Case], options: Options) -> None:
    replaced = [case for case in acting if case.action is Action.REPLACE]
    if replaced and not options.allow_replace and not options.dry_run:
        evidence = [
            f"{case.fixture.place.file}:{case.fixture.place.line}: {case.fixture.id}: {case.reason}"
            for case in replaced
        ]
        raise StepFailedError(
            "some changes need resources to be deleted and recreated; nothing was written",
            evidence=evidence,
            fix="run again with --allow-replace (what is in them is lost)",
        )


def _orphan(observed: Observed) -> ResourceChange:
    return ResourceChange(
        id=observed.id, action=Action.ORPHANED, reason="created by bootstrap, no longer declared (prune deletes it)"
    )


def _refuse_left(left: Sequence[str]) -> None:
    if left:
        fix = "restart the emulator, which also deletes its data"
        raise StepFailedError(f"{counted(len(left), 'resource')} could not be deleted", evidence=left, fix=fix)


def _deletion(resource: ResourceId) -> ResourceChange:
    return ResourceChange(id=resource, action=Action.DELETE, reason="the emulator is emptied", applies=True)


def _creation(case: Case) -> ResourceChange:
    """What `apply` makes of a fixture in an empty emulator."""
    place = f"{case.fixture.place.file}:{case.fixture.place.line}"
    return ResourceChange(id=case.fixture.id, action=Action.CREATE, reason="declared", place=place, applies=True)


def _run_again(script: Script) -> ResourceChange:
    return ResourceChange(
        id=script.id, action=Action.CREATE, reason="has not run", place=str(script.file), applies=True
    )


def _others(endpoint: EmulatorEndpoint, options: Options) -> tuple[str, ...]:
    """What `reset` does not list: emptied by its own route an emulator loses the other services' data too."""
    if options.services or options.only:
        return ()
    return (f"resources of services that fixtures cannot declare are not listed ({endpoint.driver})",)


def _pruned(observed: Observed) -> ResourceChange:
    return ResourceChange(
        id=observed.id, action=Action.ORPHANED, reason="created by bootstrap, no longer declared", applies=True
    )


def _deletable(orphans: Sequence[Observed], services: Mapping[str, Service]) -> list[Observed]:
    """Users before what they use: the reverse of the order of creation."""
    rank = {name: number for number, name in enumerate(services)}
    return sorted(orphans, key=lambda observed: (-rank[observed.id.service], observed.id.name))


def _only_orphans(case: Case) -> Case:
    kept = tuple(difference for difference in case.differences if difference.kind is DifferenceKind.ORPHANED)
    case.differences = kept if case.action is not Action.FOREIGN else ()
    return case
