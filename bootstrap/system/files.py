"""Files that are whole or not there: written beside, flushed, renamed."""

import os
import tempfile
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Make the folder (and those above it), readable by its owner only; the folder."""
    if not folder.is_dir():
        # One by one: with `parents`, those above would be made as the umask has it.
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_whole(file: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write the file so that a reader, or a kill at any moment, sees the old content or the new, never a part."""
    private_folder(file.parent)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
