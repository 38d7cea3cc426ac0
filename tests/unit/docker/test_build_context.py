"""The tag of an image of the stack: what changes it, and what does not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.docker.build_context import content_reference, parse_ignored
from bootstrap.errors import InvalidError
from bootstrap.model.stack import ImageSpec


@pytest.fixture
def spec(tmp_path: Path) -> ImageSpec:
    (tmp_path / "src").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "src" / "main").write_text("one")
    (tmp_path / "notes.md").write_text("notes")
    (tmp_path / ".dockerignore").write_text("*.md\n")
    return ImageSpec(name="web", context=tmp_path, dockerfile=tmp_path / "Dockerfile")


def test_the_same_files_make_the_same_reference(spec: ImageSpec) -> None:
    before = content_reference(spec)
    os.utime(spec.context / "src" / "main", (1, 1))
    (spec.context / "notes.md").write_text("other notes")
    (spec.context / "more.md").write_text("more")
    assert content_reference(spec) == before
    name, _, tag = before.partition(":")
    assert (name, tag.startswith("bootstrap-"), len(tag)) == ("web", True, 26)


def _write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: _write(folder / "src" / "main", "two"),
        lambda folder: _write(folder / "src" / "new", ""),
        lambda folder: (folder / "src" / "main").rename(folder / "src" / "other"),
        lambda folder: (folder / "src" / "main").chmod(0o755),
        lambda folder: (folder / "link").symlink_to("src"),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: _write(folder / "Dockerfile", "FROM scratch\n"),
        lambda folder: _write(folder / ".dockerignore", ""),
        lambda folder: _write(folder / "Dockerfile.dockerignore", ""),
    ],
)
def test_what_is_built_of_changes_it(spec: ImageSpec, change: object) -> None:
    before = content_reference(spec)
    assert callable(change)
    change(spec.context)
    assert content_reference(spec) != before


def test_settings_change_it(spec: ImageSpec) -> None:
    others = (
        replace(spec, target="dev"),
        replace(spec, args={"A": "1"}),
        replace(spec, args={"A": "2"}),
        replace(spec, platforms=("linux/arm64",)),
        replace(spec, dockerfile=spec.context / "src" / "main"),
    )
    assert len({content_reference(each) for each in (spec, *others)}) == 6


def test_an_ignored_dockerfile_counts_all_the_same(spec: ImageSpec) -> None:
    (spec.context / ".dockerignore").write_text("Dockerfile\n")
    before = content_reference(spec)
    (spec.context / "Dockerfile").write_text("FROM scratch\nCMD x\n")
    assert content_reference(spec) != before


def test_what_cannot_be_read_is_named(spec: ImageSpec) -> None:
    with pytest.raises(InvalidError, match=r"gone: images.web: cannot be read: No such file"):
        content_reference(replace(spec, dockerfile=spec.context / "gone"))


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("*.md", "a.md", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "docs/deep/a.md", True),
        ("**/*.md", "a.md", True),
        ("docs", "docs/deep/a", True),
        ("docs/**", "docs/deep/a", True),
        ("/docs/", "docs/a", True),
        ("./docs", "docs", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].txt", "b.txt", True),
        ("# docs", "docs", False),
        ("", "docs", False),
        ("docs\n!docs/keep", "docs/keep", False),
        ("docs\n!docs/keep", "docs/other", True),
        ("!docs/keep\ndocs", "docs/keep", True),
        ("*\n!src", "src/main", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
    ],
)
def test_rules_mean_what_they_mean_to_docker(rules: str, path: str, ignored: bool) -> None:
    assert parse_ignored(rules.splitlines()).matches(path) is ignored


def test_an_exception_inside_an_ignored_folder_is_found(spec: ImageSpec) -> None:
    (spec.context / ".dockerignore").write_text("src\n!src/main\n")
    before = content_reference(spec)
    (spec.context / "src" / "main").write_text("two")
    assert content_reference(spec) != before
