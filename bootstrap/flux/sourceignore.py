"""Decides which files of a repository Flux leaves out of the artifact that everything else is built from.

As source-controller does (`internal/storage`, `SourceIgnoreFilter`) with fluxcd/pkg `sourceignore`: the patterns of
every `.sourceignore` in the tree, each for its own folder, then those of `spec.ignore`; only if there are neither
do the default exclusions hold. Files of version control are left out in any case. Patterns are go-git's: of all that
match, the last one decides, and a file in an excluded folder can be included again.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FILE_NAME = ".sourceignore"
_VERSION_CONTROL = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_BY_DEFAULT = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml"),
    *("codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)
_ANY_DEPTH = "**"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pattern:
    domain: tuple[str, ...]
    """The folder that it is written in."""
    parts: tuple[str, ...]
    includes: bool
    folders_only: bool

    @classmethod
    def of(cls, line: str, domain: Sequence[str] = ()) -> "_Pattern":
        """Read one line (go-git `plumbing/format/gitignore/pattern.go`)."""
        includes = line.startswith("!")
        text = line.removeprefix("!")
        text = text if text.endswith("\\ ") else text.rstrip(" ")
        folders_only = text.endswith("/")
        parts = text.removesuffix("/").split("/")
        return cls(domain=tuple(domain), parts=tuple(parts), includes=includes, folders_only=folders_only)

    def matches(self, path: Sequence[str], *, folder: bool) -> bool:
        if len(path) <= len(self.domain) or tuple(path[: len(self.domain)]) != self.domain:
            return False
        below = path[len(self.domain) :]
        if len(self.parts) == 1:
            return self._matches_name(below, folder=folder)
        return self._matches_way(list(below), folder=folder)

    def _matches_name(self, path: Sequence[str], *, folder: bool) -> bool:
        for number, name in enumerate(path):
            if _fits(name, self.parts[0]):
                return folder or not self.folders_only or number < len(path) - 1
        return False

    def _matches_way(self, path: list[str], *, folder: bool) -> bool:
        matched = traverses = False
        for number, part in enumerate(self.parts):
            is_last = number == len(self.parts) - 1
            if part in {"", _ANY_DEPTH}:
                if part == _ANY_DEPTH and is_last:
                    break
                traverses = part == _ANY_DEPTH
                continue
            if _ANY_DEPTH in part or not path:
                return False
            if traverses:
                matched, traverses = _skip_to(path, part), False
            elif not _fits(path.pop(0), part):
                return False
            else:
                # A file does not match a pattern that goes on below it.
                matched = bool(path) or is_last
        return matched and (bool(path) or folder or not self.folders_only)


class SourceIgnore:
    """Decides which files of one source are not in its artifact."""

    def __init__(self, written: Iterable[_Pattern]) -> None:
        own = tuple(written)
        patterns = own or tuple(_Pattern.of(line) for line in _BY_DEFAULT)
        self._version_control = tuple(_Pattern.of(line) for line in _VERSION_CONTROL)
        self._patterns = (*self._version_control, *patterns)

    def excludes(self, path: str, *, folder: bool = False) -> bool:
        """Whether this path, relative to the source's root, is left out."""
        return _decided(self._patterns, path, folder=folder)

    def is_version_control(self, path: str) -> bool:
        """Whether it is a file of Git's own, which nothing is built from."""
        return path.endswith(FILE_NAME) or _decided(self._version_control, path, folder=False)


def _decided(patterns: Sequence[_Pattern], path: str, *, folder: bool) -> bool:
    parts = path.split("/")
    last = next((pattern for pattern in reversed(patterns) if pattern.matches(parts, folder=folder)), None)
    return last is not None and not last.includes


def source_ignore(root: Path, spec_ignore: str | None) -> SourceIgnore:
    """The rules of a source whose tree is at `root`, with its `spec.ignore`."""
    files = (_lines(file, file.parent.relative_to(root).parts) for file in _ignore_files(root))
    written = [pattern for patterns in files for pattern in patterns]
    return SourceIgnore((*written, *_patterns(spec_ignore or "", ())))


def artifact(root: Path, ignore: SourceIgnore, folder: Path) -> Path | None:
    """Lay out below `folder`, as links, the files that are not left out; None when that makes no difference."""
    files, excluded = _sorted_out(root, ignore)
    if not excluded:
        return None
    for path in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(root / path)
    return folder


def _sorted_out(root: Path, ignore: SourceIgnore) -> tuple[list[str], list[str]]:
    """The files that are in the artifact, and those that are left out though they are not version control's."""
    files: list[str] = []
    excluded: list[str] = []
    for base, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        where = Path(base).relative_to(root).as_posix()
        for name in sorted(names):
            path = name if where == "." else f"{where}/{name}"
            if not ignore.excludes(path):
                files.append(path)
            elif not ignore.is_version_control(path):
                excluded.append(path)
    return files, excluded


def _ignore_files(root: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        if FILE_NAME in names:
            yield Path(base, FILE_NAME)


def _lines(file: Path, domain: Sequence[str]) -> Iterator[_Pattern]:
    return _patterns(file.read_text(encoding="utf-8", errors="replace"), domain)


def _patterns(text: str, domain: Sequence[str]) -> Iterator[_Pattern]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield _Pattern.of(line, domain)


def _skip_to(path: list[str], part: str) -> bool:
    """Take names off the path up to the first that fits, that one too; whether there is one."""
    while path:
        if _fits(path.pop(0), part):
            return True
    return False


def _fits(name: str, pattern: str) -> bool:
    # Go negates a class with ^.
    return fnmatchcase(name, pattern.replace("[^", "[!"))
