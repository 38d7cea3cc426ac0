"""Runs a command in the project's own virtual environment, which is made, or brought up to date, first.

    python3 scripts/run.py bootstrap up quickstart

Needs Python 3.11 or newer and nothing else. What is installed is exactly what constraints.txt names, by digest.
"""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one, and should be told
    sys.exit("Error: this needs Python 3.11 or newer\nFix:   run it by one, such as: python3.11 scripts/run.py ...")

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / "complete"


def main() -> None:
    """Set up where it is needed, then become the command."""
    with Path(__file__).open() as turn:
        # One run sets up; others that begin meanwhile wait for it.
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp() != [place(), wishes()]:
            set_up()
    if sys.argv[1:]:
        become(sys.argv[1:])


def place() -> str:
    """What an environment cannot be carried over from: another folder, another Python."""
    return f"{ROOT} {sys.version_info[0]}.{sys.version_info[1]}"


def wishes() -> str:
    """What is to be installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "pytest-plugin/pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def stamp() -> list[str]:
    """Place and wishes of the environment that is there; empty when there is none, or a part of one."""
    try:
        return STAMP.read_text().splitlines() if PYTHON.exists() else []
    except FileNotFoundError:
        return []


def set_up() -> None:
    """Make the environment, or bring it up to date; safe to interrupt and to run again."""
    print(f"Setting up {FOLDER} (the first time it takes a minute or two)", file=sys.stderr, flush=True)
    if stamp()[:1] != [place()]:
        make_environment()
    STAMP.unlink(missing_ok=True)
    pip("install", "--require-hashes", "--requirement", str(ROOT / "constraints.txt"))
    # The project itself is a folder, which has no digest; what it needs is there already.
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT / "pytest-plugin"))
    STAMP.write_text(f"{place()}\n{wishes()}\n")


def make_environment() -> None:
    """An empty environment with pip in it. Debian keeps what that needs in packages of their own."""
    fix = "install this Python's venv module, such as by: apt install python3-venv"
    venv = (sys.executable, "-m", "venv", "--clear", str(FOLDER))
    if importlib.util.find_spec("ensurepip"):
        attempt(*venv, fix=fix)
    elif importlib.util.find_spec("pip"):
        attempt(*venv, "--without-pip", fix=fix)
        attempt(sys.executable, "-m", "pip", "--quiet", "--python", str(PYTHON), "install", "pip", fix=fix)
    else:
        sys.exit(f"Error: {sys.executable} has neither ensurepip nor pip\nFix:   {fix}")


def pip(*arguments: str) -> None:
    """Run the environment's pip."""
    options = ("--quiet", "--disable-pip-version-check", "--no-input")
    attempt(str(PYTHON), "-m", "pip", *options, *arguments, fix="see above, then run it again: it goes on from there")


def attempt(*argv: str, fix: str) -> None:
    """Run a program, or end with what to do. Its output goes to standard error: standard output is the command's."""
    ended = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environment())
    if ended.returncode != 0:
        sys.exit(f"Error: setting up failed: {' '.join(argv)}\nFix:   {fix}")


def environment() -> dict[str, str]:
    """Ours without what would mix another Python's packages in."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def become(command: list[str]) -> None:
    """Replace this process by the command, with the environment's programs first on PATH."""
    path = os.pathsep.join((str(FOLDER / "bin"), os.environ.get("PATH", os.defpath)))
    try:
        os.execvpe(command[0], command, {**environment(), "PATH": path, "VIRTUAL_ENV": str(FOLDER)})  # noqa: S606 - what this is for
    except FileNotFoundError:
        sys.exit(f"Error: there is no program {command[0]}\nFix:   name one of these: bootstrap, task, pytest")


if __name__ == "__main__":
    main()
