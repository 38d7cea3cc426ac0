"""What of a repository is in Flux's artifact: the rules of source-controller and go-git."""

from pathlib import Path

import pytest

from bootstrap.flux.sourceignore import artifact, source_ignore


def tree(root: Path, **files: str) -> Path:
    for path, content in files.items():
        file = root / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        ("/apps/drafts/", "apps/drafts/bad.yaml", True),
        ("/apps/drafts/", "other/apps/drafts/bad.yaml", False),
        ("/apps/*.values.yaml", "apps/web.values.yaml", True),
        ("/apps/*.values.yaml", "apps/below/web.values.yaml", False),
        ("drafts", "apps/drafts/deep/file.yaml", True),
        ("drafts/", "apps/drafts", False),
        ("*.md", "docs/readme.md", True),
        ("**/test/", "a/b/test/c.yaml", True),
        ("docs/**", "docs/a/b.yaml", True),
        ("/*\n!/apps/\n!/clusters/", "apps/a.yaml", False),
        ("/*\n!/apps/\n!/clusters/", "ci/a.yaml", True),
        ("*.yaml\n!keep.yaml", "apps/keep.yaml", False),
        ("# a comment\n\n*.txt", "a.txt", True),
        ("file[^0-9].yaml", "filex.yaml", True),
        ("file[^0-9].yaml", "file1.yaml", False),
    ],
)
def test_patterns(tmp_path: Path, patterns: str, path: str, *, excluded: bool) -> None:
    assert source_ignore(tmp_path, patterns).excludes(path) is excluded


def test_default_exclusions_hold_only_without_patterns(tmp_path: Path) -> None:
    assert source_ignore(tmp_path, None).excludes("charts/web/logo.png")
    assert source_ignore(tmp_path, None).excludes("apps/.sops.yaml")
    assert not source_ignore(tmp_path, "*.txt").excludes("charts/web/logo.png")
    assert source_ignore(tmp_path, "*.txt").excludes(".gitignore")


def test_a_file_in_a_folder_holds_below_it_and_spec_ignore_has_the_last_word(tmp_path: Path) -> None:
    tree(tmp_path, **{"apps__.sourceignore": "*.yaml", "apps__a.yaml": "", "b.yaml": ""})
    assert source_ignore(tmp_path, None).excludes("apps/a.yaml")
    assert not source_ignore(tmp_path, None).excludes("b.yaml")
    assert not source_ignore(tmp_path, "!apps/a.yaml").excludes("apps/a.yaml")


def test_the_artifact_is_laid_out_only_where_something_is_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", **{"apps__a.yaml": "a", "apps__logo.png": "", ".gitignore": "x"})
    folder = artifact(root, source_ignore(root, None), tmp_path / "out")
    assert folder is not None
    assert (folder / "apps" / "a.yaml").read_text() == "a"
    assert not (folder / "apps" / "logo.png").exists()
    assert artifact(root, source_ignore(root, "nothing"), tmp_path / "none") is None
