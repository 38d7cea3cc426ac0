"""The stacks of a machine: remembered, found by project, over or not."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.lease import Lease
from bootstrap.model.stack import ClusterSpec, EmulatorSpec, HostPorts, Mount, Placement, Provider, Stack, StatePaths
from bootstrap.state.lease import write_lease
from bootstrap.state.remembered_stack import remember, remembered
from bootstrap.state.stacks import StoredStack, abandoned, discard, is_over, of_project, stored_stacks
from bootstrap.system.filelock import hold

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FULL = Stack(
    name="dev",
    instance="pr-1",
    file=Path("/project/stacks/dev.yaml"),
    project=Path("/project"),
    cluster=ClusterSpec(
        provider=Provider.EXISTING,
        context="shared",
        uid="u",
        workers=2,
        ports=HostPorts(http=1, https=2),
        config=Path("/project/kind.yaml"),
        feature_gates={"Some": True},
        mounts=(Mount(here=Path("/project/data"), inside="/data", read_only=True),),
    ),
    emulator=EmulatorSpec(placement=Placement.CONTAINER, docker_socket=True, region="eu-west-1"),
    variables={"token": "s3cret"},
)


def stack_in(root: Path, name: str, *, project: Path | None = None, expires: datetime | None = None) -> StoredStack:
    state = StatePaths(folder=root / name)
    stack = dataclasses.replace(FULL, name=name, instance="", project=project or root)
    remember(stack, state)
    write_lease(state, None if expires is None else Lease(expires=expires, length=HOUR))
    (state.folder / "owner").write_text(f"nonce of {name}\n")
    return next(stored_stack for stored_stack in stored_stacks(root) if stored_stack.identity == name)


def test_a_stack_is_remembered_whole_but_for_its_variables(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path)
    assert remembered(state) is None
    remember(FULL, state)
    assert remembered(state) == dataclasses.replace(FULL, variables={})
    assert "s3cret" not in state.remembered.read_text()
    bare = Stack(name="x", file=None, project=tmp_path, emulator=None)
    remember(bare, state)
    assert remembered(state) == bare


def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path)
    remember(FULL, state)
    before = state.remembered.stat().st_ino
    remember(FULL, state)
    assert state.remembered.stat().st_ino == before


def test_another_versions_memory_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path)
    remember(FULL, state)
    document = json.loads(state.remembered.read_text())
    document["cluster"]["unheard"] = 1
    document["more"] = True
    state.remembered.write_text(json.dumps(document))
    assert remembered(state) == dataclasses.replace(FULL, variables={})
    del document["cluster"]["provider"]
    state.remembered.write_text(json.dumps(document))
    assert remembered(state) is None
    state.remembered.write_text("{")
    assert remembered(state) is None


def test_every_folder_but_those_of_fixtures_alone_is_a_stack(tmp_path: Path) -> None:
    assert stored_stacks(tmp_path / "nowhere") == ()
    stack = stack_in(tmp_path, "a", expires=NOON)
    (tmp_path / "seeds-x-0123456789").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "lease.json").write_text("{")
    first, second = stored_stacks(tmp_path)
    assert first == stack
    assert (first.owner, first.lease) == ("nonce of a", Lease(expires=NOON, length=HOUR))
    assert (second.stack, second.lease, second.owner, second.is_empty) == (None, None, "", True)


def test_a_project_is_the_nearest_that_has_stacks(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "inner"
    (inner / "deep").mkdir(parents=True)
    first, two = stack_in(tmp_path, "a", project=tmp_path / "project"), stack_in(tmp_path, "b", project=inner)
    three = stack_in(tmp_path, "c", project=inner)
    assert of_project([first, two, three], inner / "deep") == (two, three)
    assert of_project([first, two, three], inner.parent) == (first,)
    assert of_project([first, two, three], tmp_path) == ()


@pytest.mark.parametrize(
    ("expires", "marked", "over"),
    [
        (None, {}, False),
        (NOON + HOUR, {}, False),
        (NOON, {}, True),
        (NOON, {"nonce of a": None}, True),
        (NOON, {"nonce of a": NOON}, True),
        (NOON, {"nonce of a": NOON + HOUR}, False),
        (NOON, {"another": NOON + HOUR}, True),
        (None, {"nonce of a": NOON}, False),
    ],
)
def test_it_is_over_when_neither_its_state_nor_its_mark_denies_it(
    tmp_path: Path, expires: datetime | None, marked: dict[str, datetime | None], over: bool
) -> None:
    assert is_over(stack_in(tmp_path, "a", expires=expires), marked, NOON) is over


def test_only_its_own_mark_that_is_over_speaks_for_a_stack_of_elsewhere(tmp_path: Path) -> None:
    here = [stack_in(tmp_path, "a", expires=NOON)]
    marked = {"nonce of a": NOON, "over": NOON, "not yet": NOON + HOUR, "unsaid": None}
    assert abandoned(here, marked, NOON) == ("over",)


def test_a_folder_in_which_nothing_was_made_is_discarded(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "dev-1"
    (folder / "logs").mkdir(parents=True)
    (stack,) = stored_stacks(tmp_path / "state")
    with hold(stack.state.lock, "another run"), pytest.raises(RefusedError, match="another run"):
        discard(stack, "gc")
    assert folder.exists()
    (folder / "provider").touch()
    discard(stack, "gc")
    assert folder.exists()
    (folder / "provider").unlink()
    discard(stack, "gc")
    assert not folder.parent.exists()
