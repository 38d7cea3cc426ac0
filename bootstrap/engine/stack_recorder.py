"""Writes the stack down while it is brought up: each part once it has become true."""

from collections.abc import Mapping

from bootstrap.engine.session import Session
from bootstrap.model.event import Event, RunFinished, Status, StepFinished
from bootstrap.plan import ids
from bootstrap.state.remembered_stack import (
    CLUSTER,
    EMULATOR,
    PARTS,
    REST,
    RememberedStack,
    read_remembered,
    write_remembered,
)


class StackRecorder:
    """An event renderer that keeps the remembered stack true, also when the run is refused, fails or is killed.

    A stack of which nothing lives is remembered whole at once, so that it can be removed after a kill.
    """

    def __init__(self, session: Session, *, selected: bool) -> None:
        self._session = session
        self._selected = selected
        self._later = RememberedStack(
            stack=session.stack, values=session.values, command=session.command or session.last_command
        )
        self._before = read_remembered(session.state, with_variables=True) if session.lives else None
        self._parts: frozenset[str] = frozenset()
        if self._before is None:
            write_remembered(self._later, session.state)

    def remember_all(self) -> None:
        """Remember the whole stack: everything of it has become as declared."""
        self._remember(*PARTS)

    def write(self, event: Event) -> None:
        """Remember the part that a step has made as declared, or found so; everything once a whole run has ended."""
        match event:
            case StepFinished(step=step, outcome=outcome) if outcome.status in {Status.DONE, Status.UNCHANGED}:
                self._remember(_part_of(step))
            case RunFinished(exit_code=0) if not self._selected:
                self.remember_all()
            case _:
                pass

    def _remember(self, *more: str) -> None:
        parts = self._parts.union(more)
        if self._before is not None and parts != self._parts:
            self._parts = parts
            write_remembered(self._before.with_parts(self._later, parts), self._session.state)


def _part_of(step: str) -> str:
    parts: Mapping[str, str] = {ids.CLUSTER: CLUSTER, ids.NODES: CLUSTER, ids.EMULATOR: EMULATOR}
    return parts.get(step, REST)
