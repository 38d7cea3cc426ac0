"""Asks programs for their version, once for each file: a run where nothing changed starts no process for it."""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import BootstrapError, CancelledError
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Command, Processes
from bootstrap.toolchain.programs import Program, PythonPackage

_ASK_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """Versions of program files; remembered by path, time of change and size."""

    file: Path
    processes: Processes
    environment: Mapping[str, str]
    _known: dict[str, list[int | str]] = field(default_factory=dict, init=False)

    def of(self, program: Program, path: Path, cancel: CancelToken) -> str | None:
        """The version without a leading v; None if this file does not print one."""
        if isinstance(program.build, PythonPackage):
            # The file is a Python, whatever is installed into its environment.
            return self._ask(program, path, cancel)
        if not self._known:
            self._known.update(_read(self.file))
        stat = path.stat()
        mark = [stat.st_mtime_ns, stat.st_size]
        remembered = self._known.get(str(path), [])
        if remembered[:2] == mark:
            return str(remembered[2])
        version = self._ask(program, path, cancel)
        if version is not None:
            self._known[str(path)] = [*mark, version]
            # Not being able to remember costs time only; that the cache cannot be written is reported by `doctor`.
            with contextlib.suppress(OSError):
                write_whole(self.file, json.dumps(self._known, indent=0, sort_keys=True).encode())
        return version

    def _ask(self, program: Program, path: Path, cancel: CancelToken) -> str | None:
        # Go would otherwise become another version for the module it is asked in, and some vendors' kubectl asks
        # the user's server for its own.
        environment = {**self.environment, "GOTOOLCHAIN": "local", "KUBECONFIG": os.devnull}
        command = Command(argv=(str(path), *program.asks), env=environment, cwd=Path("/"))
        try:
            finished = self.processes.run(command, cancel.within(_ASK_SECONDS, f"{path} reporting its version"))
        except CancelledError:
            raise
        except BootstrapError:
            return None
        matched = re.search(program.answers, finished.text())
        return None if matched is None else matched[1]


def _read(file: Path) -> dict[str, list[int | str]]:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
