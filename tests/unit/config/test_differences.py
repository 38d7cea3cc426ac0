"""What is declared differently now than when the stack was brought up last."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.config.differences import differences
from bootstrap.config.flags import Overrides
from bootstrap.config.stack import load_stack
from bootstrap.model.stack import Stack
from bootstrap.state.remembered_stack import RememberedStack

FILE = "apiVersion: bootstrap.dev/v1\nkind: Stack\ncluster: {provider: kwok}\nvariables: {a: one}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "dev.yaml").write_text(FILE)
    return tmp_path


def brought_up(project: Path, *sets: str, variables: tuple[str, ...] = ()) -> RememberedStack:
    loaded = load_stack("dev", Overrides(sets=sets, variables=variables), cwd=project, environment={})
    return RememberedStack(stack=loaded.stack, values=loaded.values)


def now(project: Path, before: RememberedStack, *sets: str, environment: dict[str, str] | None = None) -> list[str]:
    loaded = load_stack("dev", Overrides(sets=sets), cwd=project, environment=environment or {})
    return [str(difference) for difference in differences(before, loaded.stack, loaded.values)]


def test_what_is_the_same_is_no_difference(project: Path) -> None:
    assert now(project, brought_up(project)) == []
    assert now(project, brought_up(project, "cluster.workers=2"), "cluster.workers=2") == []


def test_each_value_is_shown_with_both_origins(project: Path) -> None:
    before = brought_up(project, "cluster.image=node:1", "cluster.workers=2")
    assert now(project, before) == [
        "cluster.workers: 2 (--set), now 0 (default)",
        "cluster.image: node:1 (--set), now not set",
    ]
    assert now(project, before, "cluster.image=node:2", environment={"BOOTSTRAP_SET_cluster__workers": "2"}) == [
        "cluster.image: node:1 (--set), now node:2 (--set)"
    ]


def test_a_changed_file_is_a_difference_with_its_line(project: Path) -> None:
    before = brought_up(project)
    (project / "stacks" / "dev.yaml").write_text(FILE + "mirrors: {https://a: http://b}\n")
    assert now(project, before) == ['mirrors["https://a"]: not set, now http://b (stacks/dev.yaml:5)']


def test_auto_does_not_differ_from_what_it_comes_to(project: Path) -> None:
    before = brought_up(project, "emulator.placement=process", "emulator.driver=ministack")
    assert now(project, before) == []
    assert now(project, before, "emulator.driver=moto") == ["emulator.driver: ministack (--set), now moto (--set)"]
    assert now(project, before, "cluster.provider=auto") == []


def test_an_emulator_that_is_no_longer_declared(project: Path) -> None:
    assert now(project, brought_up(project), "emulator=false") == ["emulator: declared (default), now false (--set)"]
    (project / "stacks" / "dev.yaml").write_text(FILE + "emulator: {region: eu-west-1}\n")
    before = brought_up(project, "emulator=false")
    assert now(project, before) == ["emulator: false (--set), now declared (stacks/dev.yaml:5)"]


def test_values_of_variables_are_never_shown(project: Path) -> None:
    before = brought_up(project, variables=("a=s3cret", "b=s3cret"))
    lines = now(project, before)
    assert lines == [
        "variables.a: another value (--var), now that of stacks/dev.yaml:4",
        "variables.b: set (--var), now not set",
    ]


def test_a_flag_that_was_given_once_is_told_from_a_file_that_changed(project: Path) -> None:
    loaded = load_stack("dev", Overrides(), cwd=project, environment={})
    for sets, lacking in ((("cluster.workers=2",), True), ((), False)):
        before = brought_up(project, *sets)
        stack = loaded.stack if sets else Stack(name="dev", file=None, project=project)
        value_differences = differences(before, stack, loaded.values if sets else ())
        assert value_differences
        assert all(difference.for_lack_of_a_flag for difference in value_differences) is lacking


def test_of_a_stack_that_an_older_version_remembered_nothing_is_known(project: Path) -> None:
    loaded = load_stack("dev", Overrides(), cwd=project, environment=dict(os.environ))
    assert differences(RememberedStack(stack=loaded.stack), loaded.stack, loaded.values) == ()


def test_a_long_value_is_cut(project: Path) -> None:
    before = brought_up(project, f"cluster.image={'x' * 100}")
    (line,) = now(project, before)
    assert line == f"cluster.image: {'x' * 60}… (--set), now not set"


def test_a_field_that_an_older_version_did_not_have_is_a_difference_once_somebody_sets_it(project: Path) -> None:
    before = brought_up(project)
    older = replace(before, values=tuple(value for value in before.values if value.path != "cluster.workers"))
    assert now(project, older) == []
    assert now(project, older, "cluster.workers=1") == ["cluster.workers: not set, now 1 (--set)"]


def test_a_block_that_was_not_there_is_a_difference_with_its_defaults(project: Path) -> None:
    before = brought_up(project, "emulator=false")
    assert now(project, before) == ["emulator: false (--set), now declared (default)"]
