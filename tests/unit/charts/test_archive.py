import io
import tarfile
from pathlib import Path

import pytest

from bootstrap.charts.archive import Dependency, read_archive, read_folder
from bootstrap.charts.helmignore import Ignore
from bootstrap.charts.template_queries import asked_apis, is_concerned, lookups
from bootstrap.errors import InvalidError


def chart(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text(files.pop("chart", "name: app\nversion: 1.0.0\n"))
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("rules", "path", "folder", "ignored"),
    [
        ("*.swp", "a/b.swp", False, True),
        ("*.swp", "a/b.yaml", False, False),
        ("# *.yaml", "b.yaml", False, False),
        ("docs/", "docs", True, True),
        ("docs/", "docs", False, False),
        ("/only.yaml", "only.yaml", False, True),
        ("a/*.txt", "a/b.txt", False, True),
        ("a/*.txt", "a/b/c.txt", False, False),
        ("/a/b", "a/b", False, True),
        ("!*.yaml", "a.yaml", False, False),
        ("!*.yaml", "a.txt", False, True),
        ("", "templates/.hidden", False, True),
        ("", "templates/a.yaml", False, False),
    ],
)
def test_ignore(rules: str, path: str, folder: bool, ignored: bool) -> None:
    assert Ignore(rules.splitlines())(path, folder=folder) is ignored


def test_digest_counts_names_and_contents_only(tmp_path: Path) -> None:
    folder_chart = read_folder(chart(tmp_path / "one", templates__a_yaml="a: 1"))
    same = read_folder(chart(tmp_path / "two", templates__a_yaml="a: 1"))
    other = read_folder(chart(tmp_path / "three", templates__a_yaml="a: 2"))
    renamed = read_folder(chart(tmp_path / "four", templates__b_yaml="a: 1"))
    assert folder_chart.digest == same.digest
    assert folder_chart.packed() == same.packed()
    assert len({folder_chart.digest, other.digest, renamed.digest}) == 3


def test_what_is_ignored_does_not_count(tmp_path: Path) -> None:
    folder = chart(tmp_path / "one", templates__a_yaml="a: 1")
    (folder / ".helmignore").write_text("*.bak\ntmp/\n")
    before = read_folder(folder).digest
    (folder / "x.bak").write_text("x")
    (folder / "tmp").mkdir()
    (folder / "tmp" / "y").write_text("y")
    assert read_folder(folder).digest == before


def test_packed_and_read_again(tmp_path: Path) -> None:
    packed = read_folder(chart(tmp_path / "one", templates__a_yaml="a: 1"))
    assert read_archive(packed.packed(), "x").files == packed.files
    with tarfile.open(fileobj=io.BytesIO(packed.packed())) as archive:
        assert archive.getnames()[0] == "app/Chart.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [("name: app\n", "has no name or no version"), ("a: [", "did not find|expected")],
)
def test_no_chart(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=message):
        read_folder(chart(tmp_path / "one", chart=text))


def test_no_chart_file_and_no_archive(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"it has no Chart\.yaml"):
        read_folder(tmp_path)
    with pytest.raises(InvalidError, match="is not a chart archive"):
        read_archive(b"no", "somewhere.tgz")


def test_lacking_dependencies(tmp_path: Path) -> None:
    text = (
        "name: app\nversion: 1.0.0\ndependencies:\n"
        "- {name: there, version: 1.0.0}\n- {name: packed, version: 1.0.0}\n"
        "- {name: lib, version: ^1, repository: 'file://../lib'}\n"
    )
    folder = chart(tmp_path / "one", chart=text, charts__there__Chart_yaml="name: there\nversion: 1.0.0")
    (folder / "charts" / "packed-1.0.0.tgz").write_bytes(b"")
    assert read_folder(folder).lacking == (Dependency(name="lib", version="^1", repository="file://../lib"),)


def test_requirements_of_old_charts(tmp_path: Path) -> None:
    folder = chart(tmp_path / "one", requirements_yaml="dependencies: [{name: lib, version: '1', repository: r}]")
    assert [dependency.name for dependency in read_folder(folder).lacking] == ["lib"]


def test_what_templates_ask_for(tmp_path: Path) -> None:
    lib = read_folder(chart(tmp_path / "lib", templates__a_yaml='{{ .Capabilities.APIVersions.Has "a/v1/Kind" }}'))
    folder = chart(
        tmp_path / "one",
        templates__a_yaml='{{ if .Capabilities.APIVersions.Has "b/v1" }}x{{ end }}',
        values_yaml='# .APIVersions.Has "not/asked"',
    )
    (folder / "charts").mkdir()
    (folder / "charts" / "lib.tgz").write_bytes(lib.packed())
    assert asked_apis(read_folder(folder).files) == {"a/v1/Kind", "b/v1"}


def test_what_only_templates_know_is_anything(tmp_path: Path) -> None:
    folder = chart(tmp_path / "one", templates__a_yaml="{{ .Capabilities.APIVersions.Has $api }}")
    assert is_concerned(asked_apis(read_folder(folder).files), ["whatever/v1"])
    assert not is_concerned(asked_apis(read_folder(folder).files), [])
    assert not is_concerned({"b/v1"}, ["whatever/v1"])
    assert is_concerned({"b/v1"}, ["b/v1"])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{ $old := lookup "v1" "Secret" .Release.Namespace "x" }}', {"v1 Secret"}),
        ('{{- if (lookup "apps/v1" "Deployment" "" "") }}', {"apps/v1 Deployment"}),
        ("{{ lookup $api $kind $ns $name }}", {"something"}),
        ('{{ .Values.lookup }} # lookup "v1" "Secret"', set()),
        ("a: lookup", set()),
    ],
)
def test_what_templates_look_up_in_the_cluster(template: str, expected: set[str]) -> None:
    assert lookups({"templates/a.yaml": template.encode()}) == expected
