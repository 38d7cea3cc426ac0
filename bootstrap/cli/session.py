"""Opens a stack: as this call declares it, or as it was brought up last."""

import dataclasses
import os
import shlex
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bootstrap.cli.compose import Adapters, images_once, is_on_engine
from bootstrap.cli.default_images import with_default_images
from bootstrap.cli.machine import TOOLS_LOCK_FILE, StackPrograms, required_programs, toolchain_settings
from bootstrap.cli.options import StackOptions, pasteable, settings_of, typed
from bootstrap.config.conflicts import resolve_auto
from bootstrap.config.differences import ValueDifference, differences
from bootstrap.config.flags import DEFAULT_STACK, Overrides
from bootstrap.config.instance import instance_name
from bootstrap.config.settings import Settings
from bootstrap.config.stack import LoadedStack, load_stack
from bootstrap.config.stack_file import StackNotFoundError
from bootstrap.console.mask import SECRETS
from bootstrap.docker.labelled_stacks import LabelledOnEngine
from bootstrap.engine.gc import Collector
from bootstrap.engine.session import Session
from bootstrap.engine.snapshot import reset_name
from bootstrap.errors import BootstrapError, InvalidError, Place, RefusedError, UsageError
from bootstrap.model.stack import ClusterSpec, Placement, Provider, Stack, StatePaths
from bootstrap.state.journal import Journal
from bootstrap.state.paths import cache_folder, state_folder, state_paths
from bootstrap.state.remembered_stack import RememberedStack, damage, read_remembered, remembered
from bootstrap.state.snapshots import folder_of
from bootstrap.state.stacks import StoredStack, stored_stacks
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import SystemProcesses
from bootstrap.yamltext.positions import ValuePath, path_text


def open_stack(options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Session:
    """The stack as its file, the environment and the flags of this call declare it; changes only our own files.

    Raises:
        UsageError, InvalidError: the command line, the stack file or the settings are wrong.
        RefusedError: the engine or cluster of the stack cannot be reached.
    """
    loaded = load_declared(options)
    state = state_paths(loaded.stack, os.environ)
    before = read_remembered(state, with_variables=True)
    session = _session(loaded, state, options, settings, cancel, former=before)
    return replace(
        session,
        command=pasteable(options, os.environ),
        last_command="" if before is None else before.command,
        differences=() if before is None else _differences(before, loaded),
    )


def load_declared(options: StackOptions) -> LoadedStack:
    """The stack that is declared here; with `--stack`, if there is none here, the one of another project."""
    try:
        return load_stack(options.reference, options.overrides, cwd=Path.cwd(), environment=os.environ)
    except StackNotFoundError:
        other = _without_file(options) if options.anywhere else None
        if other is None:
            raise
        return load_stack(options.reference, options.overrides, cwd=_project(other), environment=os.environ)


def open_remembered_stack(options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Session:
    """The stack as it was brought up last, with what is declared differently now; never brought up: as it is declared.

    Its file may be missing or wrong by now; with `--stack` it may be of any project.

    Raises:
        StackNotFoundError, InvalidError: its file is missing or wrong, and no stack of this name is remembered.
        UsageError: stacks of this name are in several projects.
        RefusedError: the engine or cluster of the stack cannot be reached.
    """
    declared = _declared(options)
    before = None if declared.state is None else read_remembered(declared.state, with_variables=True)
    if declared.state is None or before is None:
        wrong = "" if declared.state is None else damage(declared.state)
        return replace(open_stack(options, cancel=cancel, settings=settings), damage=wrong)
    if options.overrides.provider is not None:
        _refuse_elsewhere(options.overrides.provider, before.stack)
    different: tuple[ValueDifference, ...] = ()
    if declared.loaded is not None:
        different = _differences(before, declared.loaded)
    session = _remembered_session(before, declared, options, settings, cancel)
    return replace(session, last_command=before.command, differences=different)


def open_saved(name: str, options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Session:
    """The stack as it was brought up when this snapshot of it was saved; without one as `open_remembered_stack`."""
    declared = _declared(options)
    saved = None if declared.state is None else folder_of(declared.state, name) / "state"
    before = None if saved is None else read_remembered(StatePaths(folder=saved), with_variables=True)
    if before is None:
        return open_remembered_stack(options, cancel=cancel, settings=settings)
    session = _remembered_session(before, declared, options, settings, cancel)
    return replace(session, last_command=before.command)


def open_reset(options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Session:
    """As `open_saved`, of the snapshot that `reset` restores."""
    session = open_remembered_stack(options, cancel=cancel, settings=settings)
    return open_saved(reset_name(session), options, cancel=cancel, settings=settings)


def _differences(before: RememberedStack, loaded: LoadedStack) -> tuple[ValueDifference, ...]:
    different = differences(before, loaded.stack, loaded.values)
    asked = loaded.stack.cluster.provider
    provider = before.stack.cluster.provider if asked is Provider.AUTO else asked
    return with_default_images(different, loaded.stack, provider)


def _declared_differently(state: StatePaths) -> tuple[str, ...]:
    """What the file of a remembered stack declares differently now; nothing if the file is gone or wrong."""
    before = read_remembered(state, with_variables=True)
    if before is None or before.stack.file is None:
        return ()
    overrides = Overrides(name=before.stack.instance)
    try:
        loaded = load_stack(str(before.stack.file), overrides, cwd=before.stack.project, environment={})
    except (StackNotFoundError, InvalidError):
        return ()
    return tuple(map(str, _differences(before, loaded)))


def open_state_folder(state: StatePaths, cancel: CancelToken, *, settings: Settings | None = None) -> Session | None:
    """The remembered stack of a state folder, independent of its file; None if it was never brought up.

    Raises:
        RefusedError: the engine or cluster of the stack cannot be reached.
    """
    before = read_remembered(state, with_variables=True)
    if before is None:
        return None
    options = StackOptions(reference=None, overrides=Overrides())
    session = _remembered_session(before, _Declared(state=state), options, settings, cancel)
    return replace(session, last_command=before.command)


def collector(cancel: CancelToken, *, settings: Settings | None = None, on_engine: bool = True) -> Collector:
    """The adapter that removes expired stacks."""
    return Collector(
        root=state_folder(os.environ),
        open=partial(open_state_folder, settings=settings),
        differences=_declared_differently,
        processes=SystemProcesses(cancel.clock),
        command=typed(),
        labelled_stacks=LabelledOnEngine(os.environ) if on_engine else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Declared:
    """The state folder of the chosen stack, and its present declaration."""

    state: StatePaths | None
    loaded: LoadedStack | None = None


def _declared(options: StackOptions) -> _Declared:
    try:
        loaded = load_stack(options.reference, options.overrides, cwd=Path.cwd(), environment=os.environ)
    except (StackNotFoundError, InvalidError) as error:
        if _is_of_flags(error):
            raise
        stored_stack = _without_file(options)
        if stored_stack is None:
            raise _hinted(error, options) from None
        return _Declared(state=stored_stack.state)
    return _Declared(state=state_paths(loaded.stack, os.environ), loaded=loaded)


def state_of(options: StackOptions) -> StatePaths | None:
    """The state folder of the chosen stack, whatever is wrong with its file or engine; None: nothing names it.

    It need not exist.
    """
    try:
        return _declared(options).state
    except BootstrapError:
        stored_stack = _without_file(options)
        return None if stored_stack is None else stored_stack.state


def _hinted(error: StackNotFoundError | InvalidError, options: StackOptions) -> StackNotFoundError | InvalidError:
    """The error, with `--stack` as its fix if a stack of this name was brought up from another project."""
    name = options.reference or DEFAULT_STACK
    if not isinstance(error, StackNotFoundError) or options.anywhere or not _named(Path(name).stem, options):
        return error
    return StackNotFoundError(error.what, fix=f"to use the stack of another project: --stack {name}")


def _named(name: str, options: StackOptions) -> list[StoredStack]:
    """Every stack with this name and instance on this machine."""
    instance = instance_name(options.overrides.name)
    stacks = stored_stacks(state_folder(os.environ))
    return [
        stored_stack
        for stored_stack in stacks
        if stored_stack.stack is not None and (stored_stack.stack.name, stored_stack.stack.instance) == (name, instance)
    ]


def _without_file(options: StackOptions) -> StoredStack | None:
    """The stack of this name that was brought up from here, or with `--stack` the only one on this machine."""
    named = Path(options.reference or DEFAULT_STACK)
    here = Path.cwd().resolve()
    of_name = _named(named.stem, options)
    near = [
        stored_stack for stored_stack in of_name if _project(stored_stack) in {here, *here.parents, *_near(named, here)}
    ]
    if len(near) == 1:
        return near[0]
    if not options.anywhere or not of_name:
        return None
    if len(of_name) > 1:
        projects = ", ".join(sorted(str(_project(stored_stack)) for stored_stack in of_name))
        raise UsageError(
            f"stacks named {named.stem} are in several projects: {projects}",
            fix="change to the folder of the one you mean",
        )
    return of_name[0]


def _project(stored_stack: StoredStack) -> Path:
    assert stored_stack.stack is not None  # noqa: S101 - the caller looked
    return stored_stack.stack.project.resolve()


def _near(named: Path, here: Path) -> tuple[Path, ...]:
    """The project folders that a stack file of this path may belong to."""
    folder = (here / named).parent.resolve()
    return (folder, folder.parent)


def _is_of_flags(error: StackNotFoundError | InvalidError) -> bool:
    """Whether the command line itself is wrong: then nothing is done."""
    problems = error.problems if isinstance(error, InvalidError) else ()
    return any(problem.place.file.startswith(("--", "BOOTSTRAP_")) for problem in problems)


def _refuse_elsewhere(provider: str, lives: Stack) -> None:
    """Check that `--provider`, if given again, is the provider of the stack."""
    if provider not in {Provider.AUTO, lives.cluster.provider}:
        raise RefusedError(
            f"stack {lives.name} runs on {lives.cluster.provider}, not on {provider}", fix="leave out --provider"
        )


def _remembered_session(
    before: RememberedStack,
    declared: _Declared,
    options: StackOptions,
    settings: Settings | None,
    cancel: CancelToken,
) -> Session:
    state = declared.state
    assert state is not None  # noqa: S101 - it was remembered there
    stack = before.stack
    if not before.whole and declared.loaded is not None:
        # An older version remembered only what is needed to remove it.
        now = declared.loaded.stack
        parts = {name: getattr(now, name) for name in ("seeds", "source", "images", "variables", "mirrors")}
        stack = dataclasses.replace(stack, **parts)

    def place(path: ValuePath) -> Place:
        return Place(file=str(state.remembered), path=path_text(path))

    last_provider = _last_provider(state)
    if last_provider is not None:
        # A run that was killed while the stack moved has written the provider alone.
        stack = replace(stack, cluster=replace(stack.cluster, provider=last_provider))
    loaded = LoadedStack(stack=stack, values=before.values, place=place)
    return _session(loaded, state, replace(options, choose_ports=False), settings, cancel, living=True)


def _session(  # noqa: PLR0913 - what a session is made with
    loaded: LoadedStack,
    state: StatePaths,
    options: StackOptions,
    settings: Settings | None,
    cancel: CancelToken,
    *,
    former: RememberedStack | None = None,
    living: bool = False,
) -> Session:
    """The session of a declared stack, `former` as it lives; or of a stack as it lives (`living`)."""
    settings = settings or settings_of(options)
    last_provider = _last_provider(state)
    docker_answers = _docker_answers(loaded.stack, last_provider)
    stack = resolve_auto(
        loaded.stack,
        docker_answers=docker_answers,
        engine_needed=options.engine_needed,
        docker_program=shutil.which("docker") is not None,
        last_provider=last_provider,
        last_placement=_last_placement(state),
        named_engine=_named_engine(loaded.stack, last_provider, docker_answers=docker_answers),
        remembered=living,
        place=loaded.place,
    )
    stack = _with_ports(_apart(stack), state, options)
    journal = Journal(state.journal, cancel.clock, mask=SECRETS.mask)
    processes = SystemProcesses(cancel.clock, journal.child)
    toolchain_options = toolchain_settings(settings, cache_folder(os.environ), loaded.stack.project / TOOLS_LOCK_FILE)
    programs = StackPrograms(toolchain_options, processes, cancel, required_programs(stack))
    adapters = Adapters(
        stack=stack,
        state=state,
        cache=cache_folder(os.environ),
        processes=processes,
        programs=programs,
        clock=cancel.clock,
        built=images_once(stack),
        locked=options.locked,
        preload=options.preload,
        lock_writing=options.lock_writing,
        adopt=options.adopt,
        former=_former(stack, last_provider, former),
        patience=options.patience,
    )
    others = replace(collector(cancel, settings=settings, on_engine=is_on_engine(stack)), except_for=state.folder)
    return Session(
        stack=stack,
        state=state,
        ports=adapters.ports(others),
        settings=settings,
        processes=processes,
        journal=journal,
        clock=cancel.clock,
        lives_on=last_provider if last_provider is not stack.cluster.provider else None,
        headline=_headline(loaded.stack, stack, last_provider, docker_answers=docker_answers),
        values=loaded.values,
    )


def _former(stack: Stack, last_provider: Provider | None, before: RememberedStack | None) -> ClusterSpec | None:
    """The cluster that lives, if another provider is declared now."""
    if last_provider in {None, stack.cluster.provider}:
        return None
    known = ClusterSpec() if before is None else before.stack.cluster
    return replace(known, provider=last_provider or known.provider)


def _apart(stack: Stack) -> Stack:
    """A named instance does not use the default ports, which another instance would try first too."""
    if not stack.instance or stack.emulator is None:
        return stack
    return replace(stack, emulator=replace(stack.emulator, first_port=0))


def _with_ports(stack: Stack, state: StatePaths, options: StackOptions) -> Stack:
    if not stack.cluster.provider.on_docker:
        return stack
    from bootstrap.clusters.docker_nodes.port_choice import choose_ports, remembered_ports  # noqa: PLC0415 - `--help` does without

    declared = stack.cluster.ports
    ports = remembered_ports(declared, state)
    if options.choose_ports:
        ports = choose_ports(declared, state, apart=bool(stack.instance))
    return replace(stack, cluster=replace(stack.cluster, ports=ports))


def _last_provider(state: StatePaths) -> Provider | None:
    try:
        return Provider(state.provider.read_text().strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        before = remembered(state)
    if before is not None:
        return before.cluster.provider
    file = shlex.quote(str(state.provider))
    raise RefusedError(
        f"{state.provider} names no provider, and {state.remembered} does not either",
        fix=f"write the one that it runs on, kind, k3d, kwok or existing, there: echo kind > {file}",
    )


def _last_placement(state: StatePaths) -> Placement | None:
    before = remembered(state)
    return None if before is None or before.emulator is None else before.emulator.placement


def _docker_answers(stack: Stack, last_provider: Provider | None) -> bool:
    """Whether a Docker engine answers; asked only if it matters."""
    asked = stack.cluster.provider
    last = last_provider or (Provider.KIND if asked is Provider.AUTO else asked)
    if not (asked.on_docker or last.on_docker):
        return False
    from bootstrap.docker.engine import engine_answers  # noqa: PLC0415 - the docker library loads slowly

    return engine_answers(os.environ)


def _named_engine(stack: Stack, last_provider: Provider | None, *, docker_answers: bool) -> tuple[str, str] | None:
    """The setting that names an engine that does not answer, and the fix; asked only to resolve `auto`."""
    if docker_answers or stack.cluster.provider is not Provider.AUTO or last_provider is not None:
        return None
    from bootstrap.docker.engine import is_pointed_at, named_elsewhere  # noqa: PLC0415 - the docker library loads slowly

    return named_elsewhere(os.environ) if is_pointed_at(os.environ) else None


def _headline(asked: Stack, stack: Stack, last_provider: Provider | None, *, docker_answers: bool) -> str:
    provider = stack.cluster.provider
    chosen = asked.cluster.provider is Provider.AUTO and last_provider is None and provider.simulates_pods
    lacking = "kind needs the program docker, which is not on PATH" if docker_answers else "no Docker engine answers"
    why = f" ({lacking})" if chosen else ""
    simulated = ": a real Kubernetes API, but pods are simulated" if provider.simulates_pods else ""
    named = f" ({stack.instance})" if stack.instance else ""
    return f"stack {stack.name}{named} on {provider}{why}{simulated}"
