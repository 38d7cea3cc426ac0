"""Ends what a killed run left running, before the next one begins."""

import signal

from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

GRACE_SECONDS = 60.0


def end_leftovers(journal: Journal, processes: Processes, cancel: CancelToken) -> tuple[str, ...]:
    """End every process of the journal that is still running; the programs that were ended.

    Only called under the stack's lock, so that the run that started it has ended. A polite signal lets helm record
    that its release failed, instead of leaving it pending.
    """
    ended = []
    for identity, polite in journal.children():
        if processes.alive(identity):
            processes.stop(identity, cancel, polite=signal.Signals[polite], grace=GRACE_SECONDS)
            ended.append(identity.program)
    journal.compact()
    return tuple(ended)
