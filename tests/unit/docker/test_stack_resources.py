from pathlib import Path

import pytest

from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.model.labels import OWNER_LABEL, STACK_LABEL
from bootstrap.model.stack import StatePaths


def stack(folder: Path) -> StackOnDocker:
    return StackOnDocker(StatePaths(folder=folder), {})


def test_the_name_is_the_stacks_and_the_projects() -> None:
    assert stack(Path("/state/dev-0123456789")).name == "bootstrap-dev-0123456789"


@pytest.mark.parametrize("limit", [32, 49])
def test_a_long_name_is_cut_and_still_its_own(limit: int) -> None:
    names = {stack(Path(f"/state/{'a' * 40}{end}-0123456789")).name_within(limit) for end in ("", "b", "c")}
    assert len(names) == 3
    assert {len(name) for name in names} == {limit}
    assert all(name.startswith("bootstrap-aaaa") for name in names)


def test_labels_name_the_owner_who_stays_the_same(tmp_path: Path) -> None:
    resources = stack(tmp_path / "dev-0123456789")
    labels = resources.labels()
    assert labels[STACK_LABEL] == "dev-0123456789"
    assert stack(tmp_path / "dev-0123456789").labels() == labels
    assert resources.is_ours(labels)
    assert not resources.is_ours({**labels, OWNER_LABEL: "another"})


def test_nothing_is_ours_before_there_is_an_owner(tmp_path: Path) -> None:
    fresh = stack(tmp_path / "dev-0123456789")
    assert not fresh.is_ours({OWNER_LABEL: ""})
    assert not fresh.is_ours(None)
    assert not (tmp_path / "dev-0123456789").exists()
