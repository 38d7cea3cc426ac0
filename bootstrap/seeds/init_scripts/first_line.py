"""What a script is started with: its first line, as the kernel reads it, or what is wrong with it."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import InvalidError, Place, Problem

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENV = "env"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """The program that runs a script."""

    argv: tuple[str, ...]
    note: str = ""
    """What its author may not expect."""

    @property
    def is_bash(self) -> bool:
        """Whether bash runs it, which can say which commands failed."""
        return any(Path(part).name == "bash" for part in " ".join(self.argv).split()[:3])


def interpreter_of(file: Path, path: str) -> Interpreter:
    """What runs the script; `path` is where programs are looked for.

    Raises:
        InvalidError: it could not start, or would end in a riddle; names the line and how to correct it.
    """
    content = _read(file)
    if problems := list(_bytes_problems(file, content)):
        raise InvalidError(problems)
    if file.suffix == ".py":
        return Interpreter(argv=(sys.executable,))
    first, *rest = content.decode(errors="replace").splitlines() or [""]
    if not first.startswith("#!"):
        return _without_first_line(file, first, rest, path)
    program, _, argument = first[2:].strip().partition(" ")
    problem = _first_line_problem(program, argument.strip(), path)
    if problem:
        raise InvalidError([Problem(place=Place(file=str(file), line=1), text=problem)])
    return Interpreter(argv=(program, argument.strip()) if argument.strip() else (program,))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        what = "is a broken link" if file.is_symlink() and not file.exists() else f"cannot be read: {error.strerror}"
        raise InvalidError([Problem(place=Place(file=str(file)), text=what)]) from error


def _bytes_problems(file: Path, content: bytes) -> Iterator[Problem]:
    if content.startswith(_BYTE_ORDER_MARK):
        better = f"run: sed -i '1s/^\\xef\\xbb\\xbf//' {file}"
        text = f"begins with a byte order mark, so that its first line is not read ({better})"
        yield Problem(place=Place(file=str(file), line=1), text=text)
    if file.suffix == ".py":
        return
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.endswith(b"\r"):
            text = f"ends in a carriage return: the file has Windows line endings (run: sed -i 's/\\r$//' {file})"
            yield Problem(place=Place(file=str(file), line=number), text=text)
            return


def _without_first_line(file: Path, first: str, rest: list[str], path: str) -> Interpreter:
    shell = shutil.which("bash", path=path) or "/bin/sh"
    late = next((number for number, line in enumerate([first, *rest], start=1) if line.lstrip().startswith("#!")), None)
    if late is not None:
        note = f"{file}:{late}: `#!` must be at the very beginning of the file; the script is run by {shell}"
    elif first.lstrip().replace(" ", "").startswith(("#!", "#/bin", "#/usr", "!/bin", "!/usr")):
        note = f"{file}:1: {first.strip()!r} is not a `#!` line; the script is run by {shell}"
    else:
        note = f"{file}:1: there is no `#!` line; the script is run by {shell}"
    return Interpreter(argv=(shell,), note=note)


def _first_line_problem(program: str, argument: str, path: str) -> str:
    """What is wrong with `#!PROGRAM ARGUMENT`; empty if nothing is."""
    name = Path(program).name
    location = shutil.which(name, path=path) if name else None
    better = f"write: #!{location}" if location else f"install {name}, or write: #!/usr/bin/env bash"
    if not program:
        return "`#!` names no program (write: #!/usr/bin/env bash)"
    if not program.startswith("/"):
        return f"{program} is not an absolute path ({better})"
    if not Path(program).is_file():
        return f"{program} is not there ({better})"
    if any(quote in argument for quote in "'\"`"):
        return f"{argument} is passed to {name} literally, with its quotes (write: #!{program})"
    return _env_problem(program, argument, path) if name == _ENV else ""


def _env_problem(program: str, argument: str, path: str) -> str:
    """What is wrong with the argument of `#!/usr/bin/env ARGUMENT`."""
    words = [word for word in argument.split() if not word.startswith("-") and "=" not in word]
    if len(argument.split()) > 1 and not argument.startswith(("-S", "--split-string")):
        return f"{argument!r} is passed to {program} as one argument (write: #!{program} -S {argument})"
    if not words:
        return f"{program} gets no program (write: #!/usr/bin/env bash)"
    if shutil.which(words[0], path=path) is None:
        return f"{words[0]} is not installed (install it, or write: #!/usr/bin/env bash)"
    return ""
