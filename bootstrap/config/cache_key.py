"""The key under which CI keeps the cache of a stack's programs and charts."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootstrap.config.stack import LoadedStack

_LENGTH = 32


def cache_key(loaded: LoadedStack, locks: Sequence[str], version: str) -> str:
    """`bootstrap-ci-0123…`: a digest of the stack's values, its lock files and its seeds.

    Nothing of the machine is in it, and no path but those inside the project.
    """
    digest = hashlib.sha256(version.encode())
    for name, content in _parts(loaded, locks):
        for part in (name.encode("utf-8", "surrogateescape"), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return f"bootstrap-{loaded.stack.name}-{digest.hexdigest()[:_LENGTH]}"


def _parts(loaded: LoadedStack, locks: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    project = loaded.stack.project
    # Variables may be secrets, and differ from job to job; what is cached does not depend on them.
    declared = (value for value in loaded.values if not value.is_variable)
    for value in sorted(declared, key=lambda each: each.path):
        text = json.dumps(value.value, sort_keys=True, default=str)
        yield value.path, text.replace(str(project), "").encode("utf-8", "surrogateescape")
    for lock in locks:
        if (project / lock).is_file():
            yield lock, (project / lock).read_bytes()
    for seeds in loaded.stack.seeds:
        for file in sorted(_files(seeds)):
            yield os.path.relpath(file, project), file.read_bytes()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if name != "__pycache__"]
        yield from (Path(folder) / name for name in files)
