"""A command of bootstrap that kills itself between two phases of a save or restore."""

import sys

_PROGRAM = """\
import os, signal, sys
from bootstrap.engine import snapshot_keeper
passes = snapshot_keeper.SnapshotKeeper._at
def at(self, phase, work):
    passes(self, phase, work)
    if phase == {phase!r}:
        os.kill(os.getpid(), signal.SIGKILL)
snapshot_keeper.SnapshotKeeper._at = at
from bootstrap.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def killed_at(phase: str) -> tuple[str, ...]:
    """What a command line begins with that is to be killed when it comes to this phase."""
    return (sys.executable, "-c", _PROGRAM.format(phase=phase))
