"""A stack as it was brought up last: whole, with origins, in parts; what older versions wrote is still read."""

import dataclasses
import json
import stat
from pathlib import Path

import pytest

from bootstrap.model.stack import (
    ClusterSpec,
    DeclaredValue,
    EmulatorSpec,
    Provider,
    SourceSpec,
    Stack,
    StatePaths,
)
from bootstrap.state.remembered_stack import (
    CLUSTER,
    EMULATOR,
    PARTS,
    REST,
    RememberedStack,
    read_remembered,
    remember,
    write_remembered,
)

PROJECT = Path("/project")
WHOLE = RememberedStack(
    stack=Stack(
        name="dev",
        file=PROJECT / "stacks/dev.yaml",
        project=PROJECT,
        cluster=ClusterSpec(provider=Provider.KIND, image="node:1"),
        emulator=EmulatorSpec(image="ministack:1"),
        seeds=(PROJECT / "seeds",),
        source=SourceSpec(root=PROJECT, path="clusters/dev", substitute={"a": "b"}),
        variables={"token": "s3cret"},
        mirrors={"https://a": "http://b"},
    ),
    values=(
        DeclaredValue(path="cluster.image", value="node:1", origin="--set"),
        DeclaredValue(path="emulator.image", value="ministack:1", origin="default"),
        DeclaredValue(path="seeds", value=["seeds"], origin="stacks/dev.yaml:4"),
        DeclaredValue(path="variables.token", value="s3cret", origin="--var"),
    ),
    command='bootstrap up dev --set cluster.image=node:1 --var token="${token:?}"',
)


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path)


def test_it_is_read_as_it_was_written_with_the_variables_where_they_are_asked_for(state: StatePaths) -> None:
    write_remembered(WHOLE, state)
    token = dataclasses.replace(WHOLE.values[-1], value=None)
    read = read_remembered(state, with_variables=True)
    assert read == dataclasses.replace(WHOLE, values=(*WHOLE.values[:-1], token))
    without = read_remembered(state)
    assert without is not None
    assert without.stack == dataclasses.replace(WHOLE.stack, variables={})


def test_variables_are_in_a_file_of_their_own_that_only_its_owner_reads(state: StatePaths) -> None:
    write_remembered(WHOLE, state)
    assert "s3cret" not in state.remembered.read_text()
    assert "s3cret" in state.variables.read_text()
    assert stat.S_IMODE(state.variables.stat().st_mode) == 0o600
    write_remembered(dataclasses.replace(WHOLE, stack=dataclasses.replace(WHOLE.stack, variables={})), state)
    assert not state.variables.exists()


def test_what_an_older_version_wrote_is_read_without_what_it_did_not_write(state: StatePaths) -> None:
    write_remembered(WHOLE, state)
    content = json.loads(state.remembered.read_text())
    for key in ("values", "command", "seeds", "source", "mirrors"):
        del content[key]
    state.remembered.write_text(json.dumps(content))
    read = read_remembered(state)
    assert read is not None
    assert (read.values, read.command, read.whole) == ((), "", False)
    assert read.stack.cluster == WHOLE.stack.cluster
    assert (read.stack.seeds, read.stack.source) == ((), None)


LATER = RememberedStack(
    stack=dataclasses.replace(
        WHOLE.stack,
        cluster=ClusterSpec(provider=Provider.KIND, image="node:2"),
        emulator=None,
        seeds=(),
    ),
    values=(
        DeclaredValue(path="cluster.image", value="node:2", origin="--set"),
        DeclaredValue(path="emulator", value=False, origin="--set"),
    ),
    command="bootstrap up dev --set cluster.image=node:2 --set emulator=false",
)


def test_each_part_is_taken_over_once_it_has_become_true() -> None:
    cluster = WHOLE.with_parts(LATER, frozenset({CLUSTER}))
    assert (cluster.stack.cluster.image, cluster.stack.emulator) == ("node:2", WHOLE.stack.emulator)
    assert (cluster.stack.seeds, cluster.command) == (WHOLE.stack.seeds, WHOLE.command)
    assert {value.path: value.value for value in cluster.values}["cluster.image"] == "node:2"
    emulator = WHOLE.with_parts(LATER, frozenset({EMULATOR}))
    assert (emulator.stack.emulator, emulator.stack.cluster) == (None, WHOLE.stack.cluster)
    assert [value.path for value in emulator.values if value.path.startswith("emulator")] == ["emulator"]
    rest = WHOLE.with_parts(LATER, frozenset({REST}))
    assert (rest.stack.seeds, rest.stack.cluster) == ((), WHOLE.stack.cluster)
    assert WHOLE.with_parts(LATER, PARTS) == LATER


def test_what_is_the_same_is_not_written_again(state: StatePaths) -> None:
    write_remembered(WHOLE, state)
    before = [file.stat().st_ino for file in (state.remembered, state.variables)]
    write_remembered(WHOLE, state)
    assert [file.stat().st_ino for file in (state.remembered, state.variables)] == before


def test_the_short_way_writes_all_of_it(state: StatePaths) -> None:
    remember(WHOLE.stack, state, values=WHOLE.values, command=WHOLE.command)
    read = read_remembered(state)
    assert read is not None
    assert read.command == WHOLE.command
