"""What an image would be built of, as one digest: the same files and settings, the same tag."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.stack import ImageSpec

_TAG = "bootstrap-"
_DIGITS = 16
_PIECE = 1024 * 1024
_EXECUTABLE = 0o111


def content_reference(spec: ImageSpec) -> str:
    """`NAME:bootstrap-DIGEST`: changes when the context, as .dockerignore leaves it, the Dockerfile or a setting does.

    Raises:
        InvalidError: a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for part in _parts(spec):
            digest.update(part)
            digest.update(b"\0")
    except OSError as error:
        place = Place(file=str(error.filename or spec.context), path=f"images.{spec.name}")
        raise InvalidError([Problem(place=place, text=f"cannot be read: {error.strerror}")]) from error
    return f"{spec.name}:{_TAG}{digest.hexdigest()[:_DIGITS]}"


def _parts(spec: ImageSpec) -> Iterator[bytes]:
    yield spec.dockerfile.read_bytes()
    yield repr((spec.target, sorted(spec.args.items()), spec.platforms)).encode()
    ignored = read_ignored(spec)
    for path, entry in _walk(spec.context, "", ignored):
        yield path.encode(errors="surrogateescape")
        yield from _content(entry)


def _content(entry: "os.DirEntry[str]") -> Iterator[bytes]:
    """Kind, whether it may be run, and a digest; owner and times come from whoever builds."""
    if entry.is_symlink():
        yield b"link " + os.fsencode(Path(entry.path).readlink())
    elif entry.is_file():
        runs = bool(entry.stat().st_mode & _EXECUTABLE)
        yield b"program" if runs else b"file"
        with Path(entry.path).open("rb") as file:
            yield hashlib.file_digest(file, "sha256").digest()
    else:
        yield b"folder"


def _walk(folder: Path, prefix: str, ignored: "Ignored") -> "Iterator[tuple[str, os.DirEntry[str]]]":
    """Everything that the builder is sent, in one order everywhere."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        path = f"{prefix}{entry.name}"
        is_ignored = ignored.matches(path)
        if not is_ignored:
            yield path, entry
        if entry.is_dir(follow_symlinks=False) and not (is_ignored and not ignored.has_exceptions):
            yield from _walk(Path(entry.path), f"{path}/", ignored)


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules of a .dockerignore, by Docker's meaning of them; the last that matches holds."""

    rules: tuple[tuple[re.Pattern[str], bool], ...] = ()
    """Pattern, and whether it takes back what others ignore."""

    @property
    def has_exceptions(self) -> bool:
        """Whether a folder that is ignored may hold files that are not."""
        return any(is_exception for _, is_exception in self.rules)

    def matches(self, path: str) -> bool:
        """Whether the file or folder is left out: by its own path, or by one above it."""
        parts = path.split("/")
        paths = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
        is_ignored = False
        for pattern, is_exception in self.rules:
            if is_ignored == is_exception and any(pattern.fullmatch(each) for each in paths):
                is_ignored = not is_exception
        return is_ignored


def read_ignored(spec: ImageSpec) -> Ignored:
    """The rules that hold: those beside the Dockerfile of its name, else the context's."""
    beside = spec.dockerfile.with_name(f"{spec.dockerfile.name}.dockerignore")
    file = beside if beside.exists() else spec.context / ".dockerignore"
    return parse_ignored(file.read_text(encoding="utf-8-sig").splitlines()) if file.exists() else Ignored()


def parse_ignored(lines: Sequence[str]) -> Ignored:
    """The rules of these lines; what is not a rule is skipped."""
    rules = []
    for line in lines:
        text = line.strip()
        if not text or line.startswith("#"):
            continue
        is_exception = text.startswith("!")
        cleaned = os.path.normpath(text.removeprefix("!").strip()).lstrip("/")
        if cleaned not in {"", "."}:
            rules.append((re.compile(_expression(cleaned), re.DOTALL), is_exception))
    return Ignored(tuple(rules))


_TOKENS = re.compile(r"\*\*/?|\*|\?|\[[^\]]*\]|\\.|.", re.DOTALL)


def _expression(pattern: str) -> str:
    tokens = _TOKENS.findall(pattern)
    return "".join(_translated(token, is_last=number == len(tokens)) for number, token in enumerate(tokens, start=1))


def _translated(token: str, *, is_last: bool) -> str:
    if token.startswith("**"):
        return ".*" if is_last else "(?:.*/)?"
    if token.startswith("\\") and len(token) > 1:
        return re.escape(token[1])
    if token.startswith("[") and len(token) > 1:
        return token.replace("\\", "\\\\")
    return {"*": "[^/]*", "?": "[^/]"}.get(token) or re.escape(token)
