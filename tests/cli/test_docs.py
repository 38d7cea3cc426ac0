"""README and docs show no command that the program would not understand."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bootstrap.cli.main import COMMANDS, bootstrap

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(page: Path) -> Iterator[str]:
    """Every command line of ours: those of fenced blocks, and code in a sentence that has no placeholder."""
    text = page.read_text()
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines() if language in {"sh", "yaml"} else ():
            if command := re.search(r"(?:^|run: |- |run\.py )(bootstrap .*?)(?:\)\"|$)", line.strip()):
                yield from (part.strip() for part in re.split(r"\|\|| \| |;", re.sub(r"\s+#.*", "", command[1])))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (code for code in re.findall(r"`(bootstrap [^`]*)`", prose) if not re.search(r"[A-Z]{2,}|…|\$|=/", code))


def parse(group: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse as the program would, and call nothing."""
    context = group.make_context(group.name, list(words), parent=parent)
    if isinstance(group, click.Group):
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None, name
        parse(command, rest, context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_is_understood(page: Path) -> None:
    for line in commands(page):
        if line.startswith("bootstrap "):
            try:
                parse(bootstrap, shlex.split(line)[1:])
            except click.exceptions.Exit:
                continue
            except click.ClickException as error:
                pytest.fail(f"{line}: {error.format_message()}")


def test_every_verb_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"`(\w+)", row)} >= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_decisions_are_numbered_without_gaps() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(file.name[:4]) for file in decisions] == list(range(1, len(decisions) + 1))
    for number, file in enumerate(decisions, start=1):
        assert file.read_text().startswith(f"# {number}. ")


def test_every_room_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for room in (ROOT / "bootstrap").iterdir():
        if room.is_dir() and room.name != "__pycache__":
            assert f"| `{room.name}/` |" in text
    for row in re.finditer(r"^\| `(\w+)/` \|.*\| `([\w./]+)` \|$", text, re.MULTILINE):
        assert (ROOT / "bootstrap" / row[1] / row[2]).exists(), row[0]
