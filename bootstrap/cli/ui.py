"""Starts the pages of `bootstrap ui`: in this process, or beside a run."""

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.cli.machine import examine_machine
from bootstrap.cli.options import StackOptions
from bootstrap.cli.report import secrets_of_files
from bootstrap.cli.session import open_remembered_stack, open_reset, open_stack, state_of
from bootstrap.engine.session import Session
from bootstrap.errors import RefusedError
from bootstrap.model.stack import LockWriting, StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.installation import DISTRIBUTION, this_installation
from bootstrap.system.processes import Command, SystemProcesses

if TYPE_CHECKING:
    from bootstrap.ui.server import Address
    from bootstrap.ui.source import Source

_GRACE_SECONDS = 30.0
"""What a verb that was started from a page may take to stop in order."""
_RENDERING = frozenset({"up", "repair", "resume", "ui"})
_VARIABLE = "BOOTSTRAP_SET_variables__"
"""Begins the name of what gives a variable of the stack: values are never in a command line, which everybody sees."""


def require_ui() -> None:
    """Return if what serves the pages is installed.

    Raises:
        RefusedError: it is not; names the command that installs it.
    """
    try:
        import starlette  # noqa: F401, PLC0415 - only whether it is there
        import uvicorn  # noqa: F401, PLC0415 - as above
    except ImportError as error:
        command = this_installation().command(f"{DISTRIBUTION}[ui]")
        raise RefusedError(f"the pages need {error.name}, which is not installed", fix=f"run: {command}") from error


def source_of(options: StackOptions, cancel: CancelToken) -> "Source":
    """The stack as the pages open it.

    Raises:
        StackNotFoundError, InvalidError: nothing names a stack, or its file is wrong.
    """
    from bootstrap.ui.source import Source  # noqa: PLC0415 - its room is only loaded for pages

    looking = replace(options, engine_needed=False, lock_writing=LockWriting.NEVER)
    state = state_of(options)
    if state is None:
        state = open_remembered_stack(looking, cancel=cancel).state
    return Source(
        state=state,
        living=lambda token: open_remembered_stack(looking, cancel=token),
        declared=lambda token: open_stack(looking, cancel=token),
        resetting=lambda token: open_reset(looking, cancel=token),
        examine=partial(examine_machine, options),
        secrets=secrets_of_files,
        verb=partial(_verb, options),
        processes=SystemProcesses(cancel.clock),
    )


def serve_pages(options: StackOptions, cancel: CancelToken, *, port: int, ready: "Callable[[Address], None]") -> None:
    """Serve the pages until the token is cancelled.

    Raises:
        RefusedError: what serves them is not installed, or the port is in use.
        CancelledError: the token is cancelled.
    """
    require_ui()
    from bootstrap.ui.server import listen, new_token, serve  # noqa: PLC0415 - only where it is installed

    serve(source_of(options, cancel), cancel, listening=listen(port), token=new_token(), ready=ready)


def serve_beside_run(options: StackOptions, cancel: CancelToken, given: bytes) -> None:
    """Serve the pages at the address that `pages_beside_run` chose, until the stack is removed.

    Raises:
        CancelledError: the token is cancelled.
    """
    from bootstrap.ui.server import serve  # noqa: PLC0415 - only where it is installed

    fields = json.loads(given)
    source, listening = source_of(options, cancel), socket.socket(fileno=fields["descriptor"])
    serve(source, cancel, listening=listening, token=fields["token"], until=_Gone(source.state))


def address_now(options: StackOptions) -> "Address | None":
    """Where the pages of the stack are served already; None: nowhere."""
    require_ui()
    from bootstrap.ui.server import served_address  # noqa: PLC0415 - only where it is installed

    state = state_of(options)
    return None if state is None else served_address(state)


@contextlib.contextmanager
def pages_beside_run(options: StackOptions, session: Session) -> "Iterator[Address]":
    """Start a server of the pages, or use the one that there is; it stays as long as the stack.

    Raises:
        RefusedError: what serves them is not installed.
    """
    require_ui()
    from bootstrap.ui.server import Address, listen, new_token, served_address  # noqa: PLC0415 - only where it is installed

    served = served_address(session.state)
    if served is not None:
        yield served
        return
    with listen() as listening:
        address = Address(port=listening.getsockname()[1], token=new_token())
        given = json.dumps({"descriptor": listening.fileno(), "token": address.token}).encode()
        command = replace(_verb(options, ("ui", "--beside-run")), stdin=given, descriptors=(listening.fileno(),))
        program = session.processes.spawn(command, private_folder(session.state.logs) / "ui.log")
    try:
        yield address
    finally:
        if not session.state.remembered.exists():
            # The run was refused before there was a stack.
            cancel = CancelToken(session.clock)
            session.processes.stop(program, cancel, polite=signal.SIGTERM, grace=_GRACE_SECONDS)


class _Gone:
    """Whether a stack that was there is not any more, and no run is about to bring it back."""

    def __init__(self, state: StatePaths) -> None:
        self._state = state
        self._known = self._seen = False

    def __call__(self) -> bool:
        from bootstrap.ui.run_events import is_going_on  # noqa: PLC0415 - its room is only loaded for pages

        state = self._state
        known, there = state.remembered.exists(), state.kubeconfig.exists() or state.cluster.exists()
        self._known, self._seen = self._known or known, self._seen or there
        gone = (self._seen and not there) or (self._known and not known)
        return gone and not is_going_on(state)


def _verb(options: StackOptions, words: Sequence[str]) -> Command:
    """A verb for the same stack, with the same flags; values of variables are in its environment."""
    environment = {**os.environ, **_variables(options)}
    argv = (sys.executable, "-m", "bootstrap_stack", *words, *_flags(options, words[0]))
    return Command(argv=argv, env=environment, cwd=Path.cwd(), polite=signal.SIGINT, grace=_GRACE_SECONDS)


def _flags(options: StackOptions, verb: str) -> tuple[str, ...]:
    """What chooses the stack, and overrides its file, as far as the verb takes it."""
    overrides, reference = options.overrides, options.reference
    given: list[tuple[str, object]] = [("--name", overrides.name)]
    if verb != "seed":
        given += [("--repo", overrides.repo)]
    if verb in _RENDERING:
        given += [("--root", overrides.root), ("--provider", overrides.provider)]
        given += [("--set", text) for text in overrides.sets]
        given += [("--tool", text) for text in options.tools]
    if options.anywhere or verb == "seed":
        given += [("--stack", reference)]
    flags = [word for flag, value in given if value for word in (flag, str(value))]
    flags += ["--locked"] if options.locked and verb in _RENDERING else []
    return (*flags, *((reference,) if reference and "--stack" not in flags else ()))


def _variables(options: StackOptions) -> Mapping[str, str]:
    pairs = (text.partition("=") for text in options.overrides.variables)
    return {f"{_VARIABLE}{name}": value for name, _, value in pairs}
