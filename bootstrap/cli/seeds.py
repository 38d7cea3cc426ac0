"""Shared by the verbs of `seed`: the fixtures, and the emulator, proven before anything is sent to it."""

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstrap.cli.options import StackOptions, name_option, output_option, quiet_option, typed
from bootstrap.config.flags import Overrides
from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from bootstrap.engine.session import Session
    from bootstrap.seeds.load import Fixtures
    from bootstrap.seeds.observe import Options
    from bootstrap.seeds.seeding import Seeding

_HASH_LENGTH = 10
_PATHS = "paths.json"
"""In the state folder of seeds without a stack: the files and folders that were applied."""
_Command = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedOptions:
    """The fixtures and the emulator that the command line chooses."""

    paths: tuple[Path, ...]
    stack: str | None
    endpoint: str | None = None
    instance: str | None = None
    """`--name`: the instance of the stack."""
    variables: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    quiet: bool = False
    account: str = ""
    """`--account`: of the emulator; empty: the usual one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedSeeds:
    """Fixtures and a proven emulator."""

    seeding: "Seeding"
    endpoint: EmulatorEndpoint
    cancel: CancelToken
    lock: Path
    """Held by whoever writes."""


_Decorate = Callable[[_Command], _Command]
_ENDPOINT = click.option(
    "--endpoint", metavar="URL", help="Use the emulator at URL; without --stack, no stack is read."
)
_WHERE: tuple[_Decorate, ...] = (
    click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path)),
    click.option("--stack", metavar="NAME", help="Use seeds and emulator of this stack (default dev)."),
    name_option,
    _ENDPOINT,
)
_ACCOUNT = click.option(
    "--account",
    metavar="ID",
    default="",
    help="Use this account of the emulator (12 digits); others do not see its data.",
)
_VARIABLES = click.option(
    "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable of the seeds; repeatable."
)
_WHICH: tuple[_Decorate, ...] = (
    click.option(
        "--service", "services", multiple=True, metavar="NAME", help="Use only this service, such as sqs; repeatable."
    ),
    click.option("--only", multiple=True, metavar="ID", help="Use only this resource, such as sqs/orders; repeatable."),
    output_option,
    quiet_option,
)


def seed_options(command: _Command) -> _Command:
    """PATH… and the flags of every verb that reads fixtures, as one argument `seed`, and --output."""
    return _gathered(command, (*_WHERE, _ACCOUNT, _VARIABLES, *_WHICH))


def serve_options(command: _Command) -> _Command:
    """As `seed_options`, for a verb whose output has one form."""
    which = (option for option in _WHICH if option is not output_option)
    return _gathered(command, (*_WHERE, _ACCOUNT, _VARIABLES, *which))


def lint_options(command: _Command) -> _Command:
    """PATH… and the flags of a verb without an emulator, as one argument `seed`."""
    where = (option for option in _WHERE if option is not _ENDPOINT)
    return _gathered(command, (*where, _VARIABLES))


def export_options(command: _Command) -> _Command:
    """As `seed_options`, without what only fixtures need."""
    return _gathered(command, (*_WHERE, *_WHICH))


def _gathered(command: _Command, options: tuple[_Decorate, ...]) -> _Command:
    @functools.wraps(command)
    def wrapped(**given: Any) -> object:  # noqa: ANN401 - click gives what its decorators declare
        names = ("paths", "stack", "instance", "endpoint", "variables", "services", "only", "quiet", "account")
        return command(seed=SeedOptions(**{name: given.pop(name) for name in names if name in given}), **given)

    decorated: _Command = wrapped
    for decorate in reversed(options):
        decorated = decorate(decorated)
    return decorated


@contextlib.contextmanager
def opened_seeds(options: SeedOptions, *, writes: bool, locked: bool = True) -> Iterator[OpenedSeeds]:
    """Open fixtures and emulator. With `writes` no other run changes them meanwhile, unless the caller holds the lock.

    Raises:
        UsageError, InvalidError: the command line or the stack file is wrong.
        RefusedError: there is no emulator, or its identity could not be proven.
    """
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.system.filelock import hold  # noqa: PLC0415

    cancel = CancelToken(SystemClock())
    with interruptible(cancel), contextlib.ExitStack() as stack:
        alone = options.stack is None and not options.instance and options.endpoint is not None
        seeding, lock, find = _alone(options) if alone else _of_stack(options, cancel)
        if options.account:
            seeding, lock, find = _in_account(options.account, seeding, lock, find)
        seeding.fixtures()
        if writes and locked:
            stack.enter_context(hold(lock, typed()))
        if writes and alone:
            _record_paths(seeding)
        yield OpenedSeeds(seeding=seeding, endpoint=find(cancel, writes), cancel=cancel, lock=lock)


def _in_account(account: str, seeding: "Seeding", lock: Path, find: "_Find") -> "tuple[Seeding, Path, _Find]":
    """The same in one account, which other runs leave alone: it has a lock of its own."""
    from bootstrap.seeds.restore import in_account, of_account  # noqa: PLC0415 - `--help` imports no adapter

    return (
        of_account(seeding, account),
        lock.with_name(f"{lock.name}-{account}"),
        lambda cancel, writes: in_account(find(cancel, writes), account),
    )


def linted(options: SeedOptions) -> "Fixtures":
    """The checked fixtures; needs no emulator.

    Raises:
        UsageError: the command line or the stack file is wrong.
        InvalidError: every problem in all files.
    """
    alone = options.stack is None and not options.instance
    seeding, *_ = _alone(options) if alone else _of_stack(options, CancelToken(SystemClock()))
    return seeding.lint()


@contextlib.contextmanager
def endpoint_of(options: SeedOptions) -> Iterator[tuple[EmulatorEndpoint, CancelToken]]:
    """Only the emulator, for verbs without fixtures."""
    from bootstrap.cli.interrupt import interruptible  # noqa: PLC0415 - `--help` imports no adapter

    cancel = CancelToken(SystemClock())
    with interruptible(cancel):
        if options.endpoint is not None:
            yield _endpoint(options.endpoint, cancel, False), cancel  # noqa: FBT003 - as `_Find` says
            return
        yield _running(_living(options, cancel), cancel), cancel


_Find = Callable[[CancelToken, bool], EmulatorEndpoint]


def _alone(options: SeedOptions) -> "tuple[Seeding, Path, _Find]":
    """Without a stack: the owner is the folder's name and a hash of its path."""
    from bootstrap.seeds.seeding import Seeding  # noqa: PLC0415
    from bootstrap.state.paths import state_folder  # noqa: PLC0415

    paths = options.paths or (Path(),)
    folder = (paths[0] if paths[0].is_dir() else paths[0].parent).resolve()
    owner = f"{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:_HASH_LENGTH]}"
    state = state_folder(os.environ) / f"seeds-{owner}"
    seeding = Seeding(
        owner=owner,
        paths=paths,
        whole=_whole(folder, paths, state),
        state=state,
        environment=os.environ,
        variables=_variables(options.variables),
    )
    return seeding, state / "lock", functools.partial(_endpoint, options.endpoint or "")


def _whole(folder: Path, paths: tuple[Path, ...], state: Path) -> tuple[Path, ...]:
    """What else holds fixtures of the same owner: the folder of a file that is named, and what was applied before."""
    others = [Path(path) for path in _applied_paths(state)]
    others += [folder] if any(folder.glob("*.y*ml")) else []
    named = {path.resolve() for path in paths}
    return tuple(path for path in dict.fromkeys(others) if path not in named)


def _applied_paths(state: Path) -> list[str]:
    try:
        return list(json.loads((state / _PATHS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []


def _record_paths(seeding: "Seeding") -> None:
    """Keep what is applied from here, so that a later `prune` of a part of it deletes nothing of the rest."""
    from bootstrap.system.files import write_whole  # noqa: PLC0415 - `--help` imports no adapter

    paths = [str(path.resolve()) for path in (*seeding.paths, *seeding.whole)]
    write_whole(seeding.state / _PATHS, f"{json.dumps(sorted(set(paths)))}\n".encode())


def _of_stack(options: SeedOptions, cancel: CancelToken) -> "tuple[Seeding, Path, _Find]":
    from dataclasses import replace  # noqa: PLC0415

    from bootstrap.seeds.seeding import Seeding  # noqa: PLC0415

    session = _living(options, cancel)
    seeding = session.ports.seeds
    if not isinstance(seeding, Seeding):
        raise UsageError(f"stack {session.stack.name} has no seeds", fix="name them in the stack file, under seeds")
    seeding = replace(seeding, variables={**seeding.variables, **_variables(options.variables)})
    if options.paths:
        seeding = replace(seeding, paths=options.paths, whole=seeding.paths)
    if options.endpoint:
        return seeding, session.state.lock, functools.partial(_endpoint, options.endpoint)
    return seeding, session.state.lock, lambda token, _writes: _running(session, token)


def _living(options: SeedOptions, cancel: CancelToken) -> "Session":
    """The stack as it was brought up last; what is declared differently now is reported."""
    from bootstrap.cli.output import differences_line, reporter  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.cli.session import open_remembered_stack  # noqa: PLC0415

    overrides = Overrides(variables=options.variables, name=options.instance or "")
    meant = StackOptions(reference=options.stack, overrides=overrides, anywhere=options.stack is not None)
    session = open_remembered_stack(meant, cancel=cancel)
    reporter(quiet=options.quiet)(differences_line(session))
    return session


def _running(session: "Session", cancel: CancelToken) -> EmulatorEndpoint:
    emulator = session.ports.emulator
    observed = None if emulator is None else emulator.observe(cancel)
    if observed is None or observed.endpoint is None:
        why = "it declares none" if observed is None else observed.detail or str(observed.state)
        raise RefusedError(
            f"the emulator of stack {session.stack.name} is not running: {why}",
            fix=f"run: {session.up_command}",
        )
    return observed.endpoint


def _endpoint(url: str, cancel: CancelToken, writes: bool) -> EmulatorEndpoint:  # noqa: FBT001 - as `_Find` says
    """A running emulator, proven; a verb that only reads leaves nothing in it."""
    from bootstrap.emulators.address import Trust  # noqa: PLC0415
    from bootstrap.emulators.endpoint import EndpointEmulator  # noqa: PLC0415
    from bootstrap.model.stack import EmulatorSpec, Placement  # noqa: PLC0415

    # An address on the command line may be a typing error; one of another machine must be in a stack file.
    emulator = EndpointEmulator(EmulatorSpec(placement=Placement.ENDPOINT, endpoint=url), trust=Trust.LOOPBACK)
    if writes:
        return emulator.up(Work(cancel, lambda _text: None))
    observed = emulator.observe(cancel)
    if observed.endpoint is None:
        raise RefusedError(f"{url} is not proven to be an emulator: {observed.detail}")
    return observed.endpoint


def chosen(seed: SeedOptions, *, rerun: tuple[str, ...] = (), **flags: bool) -> "Options":
    """The flags of a verb as a value."""
    from bootstrap.seeds.model import ResourceId  # noqa: PLC0415
    from bootstrap.seeds.observe import Options  # noqa: PLC0415
    from bootstrap.seeds.services.registry import all_services  # noqa: PLC0415

    for name in seed.services:
        if name not in all_services():
            raise UsageError(f"no service is named {name}", fix=f"known: {', '.join(all_services())}")
    wrong = next((selector for selector in seed.only if "/" not in selector), None)
    if wrong:
        raise UsageError(f"--only {wrong}: write SERVICE/NAME, such as sqs/orders")
    only = frozenset(ResourceId(*selector.split("/", 1)) for selector in seed.only)
    return Options(services=frozenset(seed.services), only=only, rerun=rerun, **flags)


def shown_json(value: dict[str, Any]) -> str:
    """A result as JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"


def _variables(given: tuple[str, ...]) -> dict[str, str]:
    wrong = next((assignment for assignment in given if "=" not in assignment), None)
    if wrong:
        raise UsageError(f"--var {wrong}: write NAME=VALUE")
    return dict(assignment.split("=", 1) for assignment in given)
