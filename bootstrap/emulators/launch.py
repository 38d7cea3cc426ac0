"""Becomes the emulator, after writing down which process that is.

Run by `module_command` with the arguments IDENTITY_FILE PROGRAM ARGUMENT…. The file is on disk before the program
begins, so a `bootstrap` killed at any moment leaves no emulator that the next one does not know.
"""

import json
import os
import sys
from pathlib import Path

from bootstrap.system.files import write_whole
from bootstrap.system.processes import started_at


def main() -> None:
    """Write the identity, then become the program: pid and start time stay."""
    file, *argv = sys.argv[1:]
    pid = os.getpid()
    identity = {"pid": pid, "started": started_at(pid), "program": Path(argv[0]).name}
    write_whole(Path(file), json.dumps(identity).encode())
    os.execv(argv[0], argv)  # noqa: S606  # no shell is wanted: the argument list is the whole program
