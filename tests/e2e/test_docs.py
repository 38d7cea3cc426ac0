"""The commands that README and docs show are run, in their order, and what they are said to print is compared."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.state.paths import cache_folder

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>needs|ends with|output of|part of the output of): (?P<about>[^\n]*) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_MAY_FAIL = {"doctor", "mistaken"}
"""Ends with 4 on a machine that lacks something: a finding, and no fault of the page; `mistaken` is `_MISTAKEN`."""
_MISTAKEN = """\
apiVersion: bootstrap.dev/v1
kind: Stack
metadata:
  name: mistaken
cluster:
  provder: kind
  kubernetes: 1.30
"""
"""The stack file whose errors docs/stack-file.md shows."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a page says that a command prints."""

    command: str
    lines: list[str]
    whole: bool
    """Whether it is all that the command prints on standard error, or consecutive lines of what it prints."""


class Endless(str):
    """A command that runs until Ctrl-C."""

    __slots__ = ()


def blocks(page: str) -> Iterator[str | Printed]:
    """The command lines of a page and the outputs that it shows, in order; not those that need more."""
    for block in _BLOCK.finditer((ROOT / page).read_text()):
        if block["mark"] in {"output of", "part of the output of"}:
            whole = block["mark"] == "output of"
            yield Printed(command=block["about"], lines=block["text"].splitlines(), whole=whole)
        elif block["language"] == "sh" and block["mark"] in {None, "ends with"}:
            for line in block["text"].splitlines():
                command = re.sub(r"\s+#.*", "", line).removeprefix("python3 scripts/run.py ")
                if command and not command.startswith("task "):
                    yield command if block["mark"] is None else Endless(command)


PAGES = [
    page for page in ("README.md", *(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md"))) if [*blocks(page)]
]


def plain(lines: list[str]) -> list[str]:
    """Without what differs from run to run: times, ports, folders, order, and what is said only of long steps."""
    shown = (line for line in lines if line and not re.match(r"\$ |Time: |(?:\d\d:\d\d)?\s*(?:start |… )", line))
    texts = (re.sub(r"^\d\d:\d\d |\s*\([\d.]+m?s\)", "", line) for line in shown)
    texts = (text.replace(" (no Docker engine answers)", "") for text in texts)
    texts = (re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text) for text in texts)
    return sorted(re.sub(r"KUBECONFIG=\S+", "KUBECONFIG=PATH", text) for text in texts)


@dataclass
class Reader:
    """Somebody who follows a page in a clone, on a machine without Docker."""

    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL", "LANG"))
        }
        return {
            **kept,
            "PATH": f"{self.folder / 'bin'}:{kept['PATH']}",
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
            # The pages were recorded where no Docker engine is; one may be here.
            "BOOTSTRAP_SET_cluster__provider": "kwok",
            "PYTHONPATH": str(ROOT),
        }

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder / "clone",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def interrupt(self, command: str) -> int:
        """The exit code of a command that is interrupted as soon as it prints its first line."""
        with subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder / "clone",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline()
            child.send_signal(signal.SIGINT)
            return child.wait(60)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    for folder in ("stacks", "localstack-init"):
        shutil.copytree(ROOT / folder, tmp_path / "clone" / folder)
    shutil.copy(ROOT / "bootstrap.tools.lock", tmp_path / "clone")
    (tmp_path / "clone" / "stacks" / "mistaken.yaml").write_text(_MISTAKEN)
    program = tmp_path / "bin" / "bootstrap"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bootstrap "$@"\n')
    program.chmod(0o755)
    someone = Reader(tmp_path)
    yield someone
    assert someone.run("bootstrap down --all").returncode == 0


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(page: str, reader: Reader) -> None:
    printed: dict[str, list[subprocess.CompletedProcess[str]]] = {}
    for block in blocks(page):
        if isinstance(block, Printed):
            runs = printed.get(block.command) or [reader.run(block.command)]
            assert any(shows(block, run) for run in runs), f"{block.command}\n{runs[-1].stdout}{runs[-1].stderr}"
            continue
        if isinstance(block, Endless):
            assert reader.interrupt(block) in {0, 130}
            continue
        ended = reader.run(block)
        assert ended.returncode == 0 or set(shlex.split(block)) & _MAY_FAIL, f"{block}\n{ended.stderr}"
        printed.setdefault(block, []).append(ended)


def shows(block: Printed, run: "subprocess.CompletedProcess[str]") -> bool:
    """Whether the run printed what the page shows."""
    if block.whole:
        return plain(run.stderr.splitlines()) == plain(block.lines)
    return "\n".join(block.lines) in run.stdout + run.stderr


def test_every_output_that_a_page_shows_is_compared() -> None:
    for page in PAGES:
        unmarked = [block["text"] for block in _BLOCK.finditer((ROOT / page).read_text()) if not block["language"]]
        assert [text for text in unmarked if re.match(r"Error: |[~*] |release/", text)] == [
            "\n".join([*block.lines, ""]) for block in blocks(page) if isinstance(block, Printed) and not block.whole
        ], page
