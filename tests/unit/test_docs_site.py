"""The site of the documentation: its generated pages, its pictures, and what its check finds."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest
import yaml
from man_pages import contexts

import docs
from bootstrap.cli.main import COMMANDS, bootstrap
from bootstrap.console.graph.picture import STYLE as GRAPH_STYLE
from bootstrap.console.timeline.picture import STYLE as TIMELINE_STYLE

ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"^([a-z0-9_-]+)==\S+ \\\n    --hash=sha256:", re.MULTILINE)


def test_every_verb_has_a_page_with_its_options(tmp_path: Path) -> None:
    pages = docs.write_commands(tmp_path / "commands")
    assert pages == [{name: f"commands/{name}.md"} for name in ("bootstrap", *COMMANDS)]
    text = (tmp_path / "commands" / "seed.md").read_text()
    assert "## bootstrap seed\n" not in text
    assert "\n## bootstrap seed plan\n" in text
    assert "| `--help` | Show this message and exit. |" in text
    assert "\b" not in "".join(file.read_text() for file in (tmp_path / "commands").iterdir())


def test_what_click_keeps_as_it_is_written_is_a_block() -> None:
    up = next(context for context in contexts(click.Context(bootstrap)) if context.info_name == "up")
    assert "```text\n  bootstrap up                       stack dev of this project\n" in docs.command_text(up)


def test_a_schema_has_a_row_for_each_field(tmp_path: Path) -> None:
    docs.write_schemas(tmp_path / "schemas")
    stack, seeds = ((tmp_path / "schemas" / f"{name}.md").read_text() for name in ("stack", "seeds"))
    assert "| `cluster.workers` | integer | Nodes besides the control plane. |" in stack
    assert "| `images.NAME" in stack
    assert "\n## dynamodb.GlobalSecondaryIndex\n" in seeds


def test_pages_that_the_navigation_names_exist_and_none_is_named_twice() -> None:
    named = [name for names in docs.TASKS.values() for name in names]
    assert [name for name in named if not (ROOT / "docs" / f"{name}.md").exists()] == []
    assert len(named) == len(set(named))


def test_mkdocs_stops_at_every_warning() -> None:
    text = re.sub(r"!!python\S+", "", (ROOT / "scripts" / "mkdocs.yml").read_text())
    config = yaml.safe_load(text)
    assert config["strict"]
    assert {word for part in config["validation"].values() for word in part.values()} == {"warn"}
    assert config["theme"]["font"] is False


def test_docs_requirements_are_pinned_by_digest_and_name_no_address() -> None:
    asked = [line for line in (ROOT / "scripts" / "docs.in").read_text().splitlines() if not line.startswith("#")]
    text = (ROOT / "scripts" / "docs.txt").read_text()
    assert set(asked) <= set(_PIN.findall(text)), "run: task lock"
    assert "://" not in text


@pytest.mark.parametrize(
    ("name", "style", "kinds"),
    [("graph", GRAPH_STYLE, {"change"}), ("timeline", TIMELINE_STYLE, {"path", "beside"})],
)
def test_the_committed_pictures_are_of_the_present_form(name: str, style: str, kinds: set[str]) -> None:
    """Made by `task docs -- --keep-pictures`, from a real run."""
    text = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text()
    assert f"<style>{style}</style>" in text, "run: task docs -- --keep-pictures"
    assert kinds <= {rect.attrib["class"] for rect in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}rect")}  # noqa: S314 - our own


def test_the_check_finds_links_that_lead_nowhere_and_other_hosts(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text('<h1 id="top">There</h1>')
    (tmp_path / "404.html").write_text('<a href="/gone.html">of a server</a>')
    (tmp_path / "index.html").write_text(
        '<a href="there.html#top">fine</a><a href="https://example.com/">out</a>'
        '<a href="gone.html">gone</a><a href="there.html#low">no anchor</a>'
        '<script src="https://cdn.example.com/x.js"></script><img src="gone.svg">'
    )
    assert list(docs.problems(tmp_path)) == [
        "index.html loads https://cdn.example.com/x.js",
        "index.html links to gone.html, which does not exist",
        "index.html links to there.html#low, whose anchor does not exist",
        "index.html links to gone.svg, which does not exist",
    ]
