"""Writes a manual page for each command of bootstrap into a folder.

python scripts/man_pages.py man
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bootstrap.cli.main import bootstrap
from bootstrap.system.installation import version


def main(arguments: list[str]) -> None:
    """Write `bootstrap.1`, `bootstrap-up.1` and so on."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for context in contexts(click.Context(bootstrap, info_name="bootstrap")):
        (folder / f"{context.command_path.replace(' ', '-')}.1").write_text(page(context))


def contexts(context: click.Context) -> Iterator[click.Context]:
    """The command, and those below it."""
    yield context
    for below in children(context):
        yield from contexts(below)


def children(context: click.Context) -> Iterator[click.Context]:
    """The commands directly below it."""
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield click.Context(command, info_name=name, parent=context)


def page(context: click.Context) -> str:
    """One page in troff's language."""
    command, name = context.command, context.command_path.replace(" ", "-")
    lines = [
        f'.TH "{name.upper()}" "1" "" "bootstrap {version()}" "bootstrap manual"',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(command.get_short_help_str(limit=200))}",
        ".SH SYNOPSIS",
        f".B {escaped(context.command_path)}",
        escaped(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        *paragraphs(command.help or ""),
        *options(context),
        *subcommands(context),
    ]
    return "\n".join(lines) + "\n"


def paragraphs(text: str) -> Iterator[str]:
    """The help text; what click keeps as it is written stays so here."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        kept = paragraph.lstrip("\n").startswith("\b")
        yield ".PP"
        if kept:
            yield from (".nf", *(escaped(line) for line in paragraph.splitlines() if line.strip("\b ")), ".fi")
        else:
            yield escaped(" ".join(paragraph.split()))


def options(context: click.Context) -> Iterator[str]:
    """Every option with its help."""
    records = [record for option in context.command.get_params(context) if (record := option.get_help_record(context))]
    yield from (".SH OPTIONS",) if records else ()
    for names, text in records:
        yield from (".TP", f"\\fB{escaped(names)}\\fR", escaped(text))


def subcommands(context: click.Context) -> Iterator[str]:
    """The commands below it, by their pages."""
    below = list(children(context))
    yield from (".SH COMMANDS",) if below else ()
    for child in below:
        name = child.command_path.replace(" ", "-")
        yield from (".TP", f"\\fB{escaped(name)}\\fR(1)", escaped(child.command.get_short_help_str(limit=200)))


def escaped(text: str) -> str:
    """Text that troff prints as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    main(sys.argv[1:])
