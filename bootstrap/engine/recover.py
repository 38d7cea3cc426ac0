"""Ends what a killed run left running, before the next one begins."""

import signal

from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

GRACE_SECONDS = 60.0


def end_leftovers(journal: Journal, processes: Processes, cancel: CancelToken) -> tuple[str, ...]:
    """End every journalled child that still runs; the programs that were ended.

    Only called under the stack's lock: whoever started such a child is gone. A polite end lets helm write down
    that its release failed, instead of leaving it pending.
    """
    ended = []
    for identity, polite in journal.children():
        if processes.alive(identity):
            processes.stop(identity, cancel, polite=signal.Signals[polite], grace=GRACE_SECONDS)
            ended.append(identity.program)
    journal.compact()
    return tuple(ended)
