"""Which stacks `down` means: as they were brought up, whether their files are still there or not."""

import functools
import os
import sys
from dataclasses import replace
from pathlib import Path

from bootstrap.cli.options import StackOptions, TellOptions
from bootstrap.cli.running import running, told_on_stderr
from bootstrap.cli.session import Opened, open_remembered, open_stack
from bootstrap.config.find import DEFAULT_STACK, StackNotFoundError
from bootstrap.config.flags import Overrides, SettingFlags
from bootstrap.config.settings import Settings
from bootstrap.config.stack import load_stack
from bootstrap.engine.flow import down
from bootstrap.errors import BootstrapError, CancelledError, InvalidError, UsageError
from bootstrap.state.paths import state_folder, state_paths
from bootstrap.state.stacks import HeldStack, held_stacks, of_project
from bootstrap.system.clock import CancelToken


def open_to_end(options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Opened:
    """The stack as it was brought up last: what is to be taken away is that, not what its file says by now.

    Raises:
        StackNotFoundError, InvalidError: it has no file, or a wrong one, and nothing of such a stack is here.
        RefusedError: the stack lives where it cannot be reached.
    """
    overrides = options.overrides
    try:
        if overrides.provider is not None:
            # Said once more where it lives: that has to be true.
            open_stack(options, cancel=cancel, settings=settings)
        loaded = load_stack(options.reference, overrides, cwd=Path.cwd(), environment=os.environ)
        state = state_paths(loaded.stack, os.environ)
    except (StackNotFoundError, InvalidError) as error:
        held = None if _is_of_flags(error) else _without_file(options)
        if held is None:
            raise
        state = held.state
    found = open_remembered(state, cancel=cancel, settings=settings)
    return found or open_stack(options, cancel=cancel, settings=settings)


def all_of_project(name: str) -> tuple[HeldStack, ...]:
    """Every stack of the project around the current folder; with a name, all of that name."""
    found = of_project(held_stacks(state_folder(os.environ)), Path.cwd())
    return tuple(one for one in found if not name or (one.stack is not None and one.stack.instance == name))


def _open_held(held: HeldStack, options: StackOptions, *, cancel: CancelToken, settings: Settings) -> Opened:
    del options
    found = open_remembered(held.state, cancel=cancel, settings=settings)
    assert found is not None  # noqa: S101 - it was found by what it remembers
    return found


def _without_file(options: StackOptions) -> HeldStack | None:
    """The only stack of this name that was brought up from here."""
    named = Path(options.reference or DEFAULT_STACK)
    here = Path.cwd().resolve()
    found = [
        one
        for one in held_stacks(state_folder(os.environ))
        if one.stack is not None
        and (one.stack.name, one.stack.instance) == (named.stem, options.overrides.name)
        and one.stack.project.resolve() in {here, *here.parents, *_near(named, here)}
    ]
    return found[0] if len(found) == 1 else None


def _near(named: Path, here: Path) -> tuple[Path, ...]:
    """The folders that a stack file of this path may be of."""
    folder = (here / named).parent.resolve()
    return (folder, folder.parent)


def _is_of_flags(error: StackNotFoundError | InvalidError) -> bool:
    """Whether the command line itself is wrong: then nothing is done."""
    problems = error.problems if isinstance(error, InvalidError) else ()
    return any(problem.place.file.startswith(("--", "BOOTSTRAP_")) for problem in problems)


def all_down(stack: StackOptions, tell: TellOptions, flags: SettingFlags, *, keep_data: bool) -> int:
    """Take away every stack of the project, one after the other; the first exit code that is not 0.

    Raises:
        UsageError: one stack is named too.
    """
    from bootstrap.cli.main import tell_error  # noqa: PLC0415 - main imports the commands lazily too

    name = stack.overrides.name
    if stack.reference is not None or stack.overrides != Overrides(name=name):
        raise UsageError("--all takes away every stack of this project, and you mean one", fix="leave out --all")
    codes: list[int] = []
    for held in all_of_project(name):
        find = functools.partial(_open_held, held)
        try:
            with running("down", stack, replace(tell, more=bool(codes)), flags, find=find) as run:
                report = down(run.platform, run.how(), emit=run.emit, cancel=run.cancel, keep_data=keep_data)
        except CancelledError:
            raise
        except BootstrapError as error:
            # One that cannot go keeps none of the others.
            tell_error(error, sys.argv[1:])
            codes.append(int(error.exit_code))
        else:
            codes.append(int(report.exit_code))
    if not codes:
        told_on_stderr("nothing of this project is here")
    return next((code for code in codes if code), 0)
