"""Init scripts as they lie beside the fixtures: which there are, in which order, and what each of them can read."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.seeds.applied_state import Marker
from bootstrap.seeds.model import Action, ResourceId
from bootstrap.seeds.results import ResourceChange

SERVICE = "ready.d"
"""What scripts are called in plans: `ready.d/10-buckets.sh`."""

SUFFIXES = frozenset({".sh", ".py"})
_CALLABLE = frozenset({".sh", ".bash", ".py", ".env", ".inc", ""})
_LARGEST_TEXT = 1 << 20
# A script that lists files by a pattern, or looks at its whole folder, may start any other one.
_ANY_SCRIPT = re.compile(
    r"\*(?:\.(?:sh|py|bash))?(?=[\s\"';)]|$)|\bfind\s|\blistdir\b|\bglob\b|\bscandir\b|\biterdir\b"
)
_OUTSIDE = re.compile(r"\.\.(?:/|\b)|dirname\s+\"?\$\(dirname|\.parent\.parent|parents\[")
# What stands before the name of a file that is run or sourced: a word that does it, or nothing but its folder.
_STARTS = re.compile(
    r"(?:^|[;&|(`{\s])(?:source|\.|bash|sh|dash|zsh|python[\d.]*|exec)\s"
    r"|(?:^|[;&|(`{]|\b(?:then|do|else|if|while|until|!)\s)\s*[\"']?(?:\$\([^)]*\)|[^\s\"'])*$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One init script."""

    file: Path
    folder: Path
    """The `ready.d` that it is of."""
    content: str
    """Hash of all that it can read in its folder."""
    alone: bool = False
    """Whether its folder is no `ready.d` but any other: then it can read what it names there, and nothing else."""

    @property
    def id(self) -> ResourceId:
        """By its path in the folder, which also is its place in the order."""
        return ResourceId(SERVICE, self.file.relative_to(self.folder).as_posix())

    def done(self, marker: Marker) -> bool:
        """Whether it ran with this content since the emulator lost its data."""
        return marker.done_once(str(self.id)) == self.content

    def change(self, marker: Marker, *, again: bool = False) -> ResourceChange:
        """For plan and result; `again`: somebody asked for it, whatever it has done before."""
        before = marker.done_once(str(self.id))
        if before == self.content and not again:
            return ResourceChange(id=self.id, action=Action.UNCHANGED, reason="has run", place=str(self.file))
        action, reason = Action.UPDATE, "its content, or a file that it can read, changed"
        if before is None:
            action, reason = Action.CREATE, "has not run"
        elif before == self.content:
            reason = "runs again as asked (--rerun)"
        return ResourceChange(id=self.id, action=action, reason=reason, place=str(self.file), applies=True)


def scripts_in(folders: Iterable[Path]) -> list[Script]:
    """The scripts of every folder's `ready.d`, in lexical order of their names; then those of folders inside it.

    Of folders inside it, as LocalStack has it, those that can be executed: the rest is for others to read.
    """
    found = (script_folder(folder) for folder in folders)
    return [script for folder in found if folder is not None for script in scripts_of(folder)]


def script_folder(folder: Path) -> Path | None:
    """The folder's `ready.d`, or the folder itself if it is one; None: it has no init scripts."""
    inside = folder / SERVICE
    if inside.is_dir():
        return inside
    return folder if folder.resolve().name == SERVICE else None


def scripts_of(folder: Path) -> list[Script]:
    """The scripts of one `ready.d`."""
    files = list(_script_files(folder))
    contents = _Contents(folder, files)
    return [Script(file=file, folder=folder, content=contents.of(file)) for file in files]


def chosen(scripts: Iterable[Script], names: Iterable[str]) -> frozenset[ResourceId]:
    """The scripts that these words name: `10-buckets.sh`, `ready.d/10-buckets.sh` or a path.

    Raises:
        UsageError: one names none of them.
    """
    all_scripts = list(scripts)
    resource_ids = set()
    for name in names:
        matching = [script.id for script in all_scripts if name in {str(script.id), script.id.name, script.file.name}]
        matching += [script.id for script in all_scripts if Path(name).exists() and script.file.samefile(name)]
        if not matching:
            declared = ", ".join(script.id.name for script in all_scripts) or "none"
            raise UsageError(f"no init script is named {name}", fix=f"init scripts are: {declared}")
        resource_ids.update(matching)
    return frozenset(resource_ids)


def texts_of(script: Script) -> Mapping[Path, str]:
    """The script, and those files of its folder that it runs or sources, by what they hold."""
    readable = [file for entry in entries_of(script) for file in _files(entry)]
    files = [file for file in readable if file.suffix in _CALLABLE and file != script.file]
    read = {script.file: _text(script.file)}
    waiting = [script.file]
    while waiting:
        caller = read[waiting.pop()]
        for file in files:
            if file not in read and _calls(caller, file):
                read[file] = _text(file)
                waiting.append(file)
    return read


def entries_of(script: Script) -> list[Path]:
    """The files and folders right in its folder that it can read."""
    entries = sorted(script.folder.iterdir())
    if not script.alone:
        return entries
    text = _text(script.file)
    named = [entry for entry in entries if not entry.name.startswith(".") and _names(text, entry.name)]
    return sorted({*named, script.file})


def reads_outside(script: Script) -> bool:
    """Whether it may look at what lies beside its folder."""
    return not script.alone and any(_OUTSIDE.search(text) for text in texts_of(script).values())


def beside(folder: Path) -> Iterator[Path]:
    """What lies beside a `ready.d`: a script that looks there is given copies of it; nothing hidden."""
    whole = folder.resolve()
    yield from sorted(path for path in whole.parent.iterdir() if path != whole and not path.name.startswith("."))


def single_script(file: Path) -> Script:
    """A script that lies anywhere, with what it names in its folder."""
    return Script(file=file, folder=file.parent, content=hashlib.sha256(file.read_bytes()).hexdigest(), alone=True)


def _names(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text))


def _script_files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(root, name)
            if file.suffix in SUFFIXES and (file.parent == folder or os.access(file, os.X_OK)):
                yield file


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _text(file: Path) -> str:
    try:
        return file.read_bytes()[:_LARGEST_TEXT].decode(errors="replace")
    except OSError:
        return ""


def _calls(caller: str, file: Path) -> bool:
    """Whether a text runs, sources or imports the file, as far as can be read from it."""
    name = re.compile(rf"(?<![\w.-]){re.escape(file.name)}(?![\w.-])")
    before = (line[: match.start()] for line in caller.splitlines() for match in name.finditer(line))
    if any(_STARTS.search(text) for text in before):
        return True
    imports = rf"(?m)^\s*(?:import|from)\s+[\w.]*\b{re.escape(file.stem)}\b"
    return file.suffix == ".py" and bool(re.search(imports, caller))


class _Contents:
    """What every script of a folder can read, as hashes; each file is read once."""

    def __init__(self, folder: Path, scripts: list[Path]) -> None:
        self._folder = folder
        self._scripts = scripts
        self._hashes: dict[Path, str] = {}

    def of(self, script: Path) -> str:
        """Its bytes, the data of its folder, and the scripts that it can be seen to use.

        Alone in its folder, a script is its bytes.
        """
        text = _text(script)
        files = [file for file in _files(self._folder) if file != script and self._counts(file, text)]
        if _OUTSIDE.search(text):
            files += [file for path in beside(self._folder) for file in _files(path)]
        if not files:
            return self._hash(script)
        whole = hashlib.sha256(self._hash(script).encode())
        for file in files:
            whole.update(
                f"\0{os.path.relpath(file, self._folder)}\0{self._hash(file)}".encode(errors="surrogateescape")
            )
        return whole.hexdigest()

    def _counts(self, file: Path, text: str) -> bool:
        return file not in self._scripts or file.name in text or file.stem in text or bool(_ANY_SCRIPT.search(text))

    def _hash(self, file: Path) -> str:
        if file not in self._hashes:
            try:
                self._hashes[file] = hashlib.sha256(file.read_bytes()).hexdigest()
            except OSError as error:
                self._hashes[file] = f"cannot be read: {error.strerror}"
        return self._hashes[file]
