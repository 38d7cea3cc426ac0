"""Paths that no fixtures can be read from: what is said of each."""

from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.seeds.init_scripts.scripts import scripts_in
from bootstrap.seeds.load import load
from bootstrap.seeds.services.registry import all_services

FIXTURE = "apiVersion: bootstrap.dev/v1\nkind: Seeds\nsqs: {orders: {}}\n"


@pytest.mark.parametrize(
    ("files", "path", "text"),
    [
        (["empty/README.md"], "empty", "holds no fixtures (*.yaml, *.yml) and no ready.d"),
        (
            ["seeds/aws/all.yaml"],
            "seeds",
            "holds no fixtures (*.yaml, *.yml) and no ready.d; folders in it are not read: name seeds/aws",
        ),
        (
            ["init/20.sh", "init/10.sh"],
            "init",
            "holds no fixtures (*.yaml, *.yml); its scripts (10.sh, 20.sh) are run only from a folder named ready.d:"
            " mkdir init/ready.d && mv init/*.sh init/ready.d/",
        ),
        (
            ["a b/10.sh"],
            "a b/10.sh",
            "is a script, not a fixture file: name the folder that holds its ready.d, or write fixtures of what it"
            " makes: bootstrap seed import 'a b/10.sh'",
        ),
        ([], "absent", "no such file or folder"),
    ],
)
def test_a_path_without_fixtures(
    files: list[str], path: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in files:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(FIXTURE if name.endswith(".yaml") else "")
    with pytest.raises(InvalidError) as raised:
        load([Path(path)], all_services(), {})
    assert [str(problem) for problem in raised.value.problems] == [f"{path}: {text}"]


@pytest.mark.parametrize("named", ["seeds", "seeds/ready.d", "."])
def test_scripts_are_found_in_a_ready_d_and_below_its_folder(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "seeds" / "ready.d" / "10.sh"
    script.parent.mkdir(parents=True)
    script.write_text("true\n")
    monkeypatch.chdir(script.parent if named == "." else tmp_path)
    folders = load([Path(named)], all_services(), {}).folders
    assert [str(each.id) for each in scripts_in(folders)] == ["ready.d/10.sh"]
