"""Gathers the pages of the documentation's site, and checks the site that was built of them.

python scripts/docs.py gather .task/docs      the pages, the reference of commands and schemas, pictures of a real run
python scripts/docs.py check .task/docs/site  every link leads somewhere, and nothing is asked of another host

`task docs` does both, with mkdocs between them. What is generated is never committed, but for the two pictures that
README and the tutorial show: `gather FOLDER --keep-pictures` writes these to docs/pictures.
"""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click
import yaml
from man_pages import contexts

from bootstrap.cli.main import bootstrap
from bootstrap.console.events_file import records_of
from bootstrap.console.timeline.build import timeline_of
from bootstrap.console.timeline.picture import timeline_svg

ROOT = Path(__file__).resolve().parents[1]
SHOWN = "quickstart"
"""The stack of the pictures."""
TASKS = {
    "First steps": ["install", "tutorial", "own-repository", "offline"],
    "AWS data": ["seeds"],
    "Clusters": ["clusters", "simulated", "snapshots", "flux"],
    "Look and understand": ["waiting", "timeline", "ui"],
    "CI and test-suites": ["ci", "pytest"],
    "Reference": ["reference", "verbs", "stack-file", "events", "programs"],
    "Inside": ["architecture", "seeds-architecture"],
}
"""Pages of docs/ by task; those that are named nowhere follow under `More`."""


def gather(folder: Path, *, keep_pictures: bool) -> None:
    """Write everything that mkdocs needs into the folder."""
    pages = folder / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    copy_pages(pages)
    commands = write_commands(pages / "commands")
    schemas = write_schemas(pages / "schemas")
    pictures = pages / "docs" / "pictures"
    draw(pictures, folder / "state")
    if keep_pictures:
        shutil.copytree(pictures, ROOT / "docs" / "pictures", dirs_exist_ok=True)
    write_config(folder, [{"Commands": commands}, {"Schemas": schemas}])


def copy_pages(pages: Path) -> None:
    """README, CONTRIBUTING, CHANGELOG, docs/ and the files that they link to; a folder's link leads to its list."""
    shutil.copytree(ROOT / "docs", pages / "docs")
    (pages / "stacks").mkdir()
    for file in (ROOT / "stacks").glob("*.yaml"):
        shutil.copy(file, pages / "stacks" / file.name)
    (pages / "assets").mkdir()
    shutil.copy(ROOT / "scripts" / "docs_iframe-worker.js", pages / "assets" / "iframe-worker.js")
    (pages / "assets" / "site.css").write_text("td:first-child code { white-space: nowrap }\n")
    for name in ("CONTRIBUTING", "CHANGELOG"):
        shutil.copy(ROOT / f"{name}.md", pages)
    shutil.copy(ROOT / "README.md", pages / "index.md")
    decisions = [f"- [{title_of(file)}]({file.name})\n" for file in sorted((pages / "docs" / "adr").glob("*.md"))]
    (pages / "docs" / "adr" / "index.md").write_text("# Decisions\n\n" + "".join(decisions))
    for page in pages.rglob("*.md"):
        page.write_text(page.read_text().replace("adr/)", "adr/index.md)"))


def title_of(page: Path) -> str:
    """The first heading of a page."""
    return page.read_text().partition("\n")[0].lstrip("# ")


def write_commands(folder: Path) -> list[Any]:
    """A page for each verb, with its subcommands; the pages for the navigation."""
    folder.mkdir()
    names: dict[str, list[str]] = {}
    for context in contexts(click.Context(bootstrap, info_name="bootstrap")):
        words = context.command_path.split()
        names.setdefault(words[1] if len(words) > 1 else "bootstrap", []).append(command_text(context))
    for name, texts in names.items():
        (folder / f"{name}.md").write_text("\n".join(texts))
    return [{name: f"commands/{name}.md"} for name in names]


def command_text(context: click.Context) -> str:
    """A command as Markdown: usage, help, options."""
    command, depth = context.command, max(1, len(context.command_path.split()) - 1)
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    lines = [f"{'#' * depth} {context.command_path}", "", "```text", usage, "```", "", *paragraphs(command.help or "")]
    records = [record for option in command.get_params(context) if (record := option.get_help_record(context))]
    if records:
        lines += ["| option | what it does |", "| --- | --- |"]
        lines += [f"| {code(names)} | {cell(text)} |" for names, text in records]
    return "\n".join([*lines, ""])


def paragraphs(text: str) -> Iterator[str]:
    """The help text; what click keeps as it is written is a block."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        kept = [line for line in paragraph.splitlines() if line.strip("\b ")]
        if paragraph.lstrip("\n").startswith("\b"):
            yield from ("```text", *kept, "```", "")
        else:
            yield from (cell(" ".join(paragraph.split())), "")


def write_schemas(folder: Path) -> list[Any]:
    """A page for each published schema; the pages for the navigation."""
    folder.mkdir()
    for name, title in (("stack", "Fields of a stack file"), ("seeds", "Fields of a fixture file")):
        schema = json.loads((ROOT / "docs" / f"{name}.schema.json").read_text())
        lines = [f"# {title}", "", f"From [{name}.schema.json](../docs/{name}.schema.json), which editors read.", ""]
        lines += table(schema)
        for definition, part in schema.get("$defs", {}).items():
            lines += [f"## {definition}", "", str(part.get("description", "")), "", *table(part)]
        (folder / f"{name}.md").write_text("\n".join([*lines, ""]))
    return [{"stack file": "schemas/stack.md"}, {"fixture file": "schemas/seeds.md"}]


def table(schema: Mapping[str, Any]) -> list[str]:
    """Every field below the schema, one a row."""
    rows = [f"| {code(path)} | {kind} | {cell(text)} |" for path, kind, text in fields(schema, "")]
    return ["| field | type | what it is |", "| --- | --- | --- |", *rows, ""] if rows else ["No fields.", ""]


def fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """Path, type and description of each field; what a list holds is `[]`, a free name is `NAME`."""
    for name, part in (schema.get("properties") or {}).items():
        yield from field(part, f"{path}.{name}".lstrip("."))
    free = schema.get("additionalProperties")
    if isinstance(free, Mapping) and free:
        yield from field(free, f"{path}.NAME".lstrip("."))
    if isinstance(schema.get("items"), Mapping):
        yield from field(schema["items"], f"{path}[]")
    for choice in (*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())):
        yield from fields(choice, path)


def field(part: Any, path: str) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - JSON
    """One field, and those below it."""
    if isinstance(part, Mapping):
        yield path, kind_of(part), str(part.get("description", ""))
        yield from fields(part, path)


def kind_of(part: Mapping[str, Any]) -> str:
    """The type of a field; one of a definition is a link to it."""
    if "$ref" in part:
        name = str(part["$ref"]).rpartition("/")[2]
        return f"[{name}](#{re.sub(r'[^a-z0-9-]', '', name.lower())})"
    if "enum" in part:
        return ", ".join(code(json.dumps(value)) for value in part["enum"])
    choices = [kind_of(choice) for choice in (*(part.get("anyOf") or ()), *(part.get("oneOf") or ()))]
    kinds = part.get("type", [])
    return " or ".join(dict.fromkeys([*(kinds if isinstance(kinds, list) else [kinds]), *filter(None, choices)]))


def cell(text: str) -> str:
    """Text as it is, in Markdown and in a table."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as code, in a table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def draw(folder: Path, state: Path) -> None:
    """Bring the example stack up without Docker, and draw its graph and its timeline."""
    folder.mkdir(exist_ok=True)
    shutil.rmtree(state, ignore_errors=True)
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "BOOTSTRAP_SET_cluster__provider": "kwok"}

    def run(*arguments: str) -> str:
        argv = [sys.executable, "-m", "bootstrap", *arguments]
        return subprocess.run(argv, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    (folder / "graph.svg").write_text(run("graph", SHOWN, "--output", "svg", "--quiet"))
    events = state / "events.jsonl"
    state.mkdir(parents=True)
    try:
        run("up", SHOWN, "--events", str(events), "--quiet")
        timeline = timeline_of(records_of(events.read_text()))
        if timeline is None:
            sys.exit(f"Error: {events} holds no run")
        (folder / "timeline.svg").write_text(timeline_svg(timeline))
    finally:
        run("down", SHOWN, "--quiet")


def write_config(folder: Path, generated: Sequence[Mapping[str, Any]]) -> None:
    """The configuration of mkdocs: that of scripts/, with its folders and the navigation."""
    named = {name for names in TASKS.values() for name in names}
    rest = sorted(file.stem for file in (ROOT / "docs").glob("*.md") if file.stem not in named)
    tasks = {**TASKS, **({"More": rest} if rest else {})}
    parts = [{task: [f"docs/{name}.md" for name in there(names)]} for task, names in tasks.items()]
    decisions = sorted(f"docs/adr/{file.name}" for file in (folder / "pages" / "docs" / "adr").glob("*.md"))
    nav = ["index.md", *parts, *generated, {"Decisions": decisions}, "CONTRIBUTING.md", "CHANGELOG.md"]
    places = {"docs_dir": str(folder / "pages"), "site_dir": str(folder / "site"), "nav": nav}
    text = (ROOT / "scripts" / "mkdocs.yml").read_text() + yaml.safe_dump(places, sort_keys=False)
    (folder / "mkdocs.yml").write_text(text)


def there(names: Sequence[str]) -> Sequence[str]:
    """Those of the pages that exist."""
    return [name for name in names if (ROOT / "docs" / f"{name}.md").exists()]


class Page(HTMLParser):
    """The links of a page, its anchors, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what leads somewhere."""
        given = {name: value or "" for name, value in attrs}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"script", "img", "iframe", "source"} and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and "href" in given and given.get("rel") not in {"canonical", "next", "prev"}:
            self.loads.append(given["href"])


def problems(site: Path) -> Iterator[str]:
    """Links that lead nowhere, and what is loaded from another host."""
    # 404.html is for a server, which sends it at every address: its links begin at the root.
    files = [file for file in sorted(site.rglob("*.html")) if file.name != "404.html"]
    pages = {file: Page(file.read_text()) for file in files}
    for file, page in pages.items():
        where = file.relative_to(site)
        yield from (f"{where} loads {load}" for load in page.loads if urlsplit(load).netloc)
        for link in (*page.links, *(load for load in page.loads if not urlsplit(load).netloc)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file():
                yield f"{where} links to {link}, which does not exist"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where} links to {link}, whose anchor does not exist"


def check(site: Path) -> None:
    """End with what is wrong."""
    wrong = list(problems(site.resolve()))
    if wrong:
        sys.exit("\n".join(f"Error: {line}" for line in wrong))
    print(f"{len(list(site.rglob('*.html')))} pages: {(site / 'index.html').resolve().as_uri()}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["gather", folder, *options]:
            gather(Path(folder).resolve(), keep_pictures="--keep-pictures" in options)
        case ["check", site]:
            check(Path(site))
        case _:
            sys.exit(__doc__)
