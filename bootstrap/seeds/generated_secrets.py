"""Generated secrets: made once, kept in the state folder across resets."""

import json
import secrets
import shlex
import threading
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.seeds.model import ResourceId
from bootstrap.system.files import write_whole

_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class GeneratedSecrets:
    """Values by resource and field, in one file (0600); without a folder, none that were kept."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / "generated.json"
        self._lock = threading.Lock()
        self._values: dict[str, str] | None = None

    def value_of(self, resource: ResourceId, path: str) -> str | None:
        """The value; None: not generated yet."""
        with self._lock:
            return self._load().get(f"{resource}#{path}")

    def keep(self, resource: ResourceId, path: str, value: str) -> str:
        """Remember the value, on disk before it is used; the value."""
        with self._lock:
            values = self._load()
            values[f"{resource}#{path}"] = value
            self._write(values)
        return value

    def forget(self, resource: ResourceId) -> None:
        """Let the next use generate them again."""
        with self._lock:
            values = self._load()
            mine = [key for key in values if key.startswith(f"{resource}#")]
            for key in mine:
                del values[key]
            if mine:
                self._write(values)

    def _load(self) -> dict[str, str]:
        if self._values is None:
            self._values = {} if self._file is None else _read(self._file)
        return self._values

    def _write(self, values: dict[str, str]) -> None:
        if self._file is not None:
            write_whole(self._file, json.dumps(values, indent=1, sort_keys=True).encode())


def generated_values(folder: Path) -> tuple[str, ...]:
    """Every value that was generated so far, so that nothing shows one by mistake."""
    return tuple(_read(folder / "generated.json").values())


def _read(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_bytes())
        return {str(key): str(value) for key, value in content.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, AttributeError) as error:
        raise RefusedError(
            f"{file}, which holds the generated secrets, is damaged: {error}",
            fix=f"let them be generated again: rm {shlex.quote(str(file))} && bootstrap up",
        ) from error


def generate(*, length: int = 32, alphabet: str = _SAFE) -> str:
    """Random text from the system's source."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
