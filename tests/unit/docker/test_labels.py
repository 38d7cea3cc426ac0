"""What a label proves, and what is removed by it: all of one owner, nothing of another."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from bootstrap.docker.labels import NEVER, WITHOUT_END, engine_name, expiry, labelled_stacks, remove_labelled
from bootstrap.errors import DeadlineError, StepFailedError
from bootstrap.model.labels import EXPIRES_LABEL, LEASE_LABEL
from bootstrap.model.lease import LabelledStack
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.engine_api import FakeApi, FakeClient

if TYPE_CHECKING:
    from docker import DockerClient

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
STACK, OWNER = "dev-pr-1-0123456789", "nonce"
NAME = engine_name(STACK)
OURS = LabelledStack(stack=STACK, owner=OWNER)


def client(api: FakeApi) -> "DockerClient":
    return cast("DockerClient", FakeClient(api))


def removed(api: FakeApi, owned: LabelledStack = OURS, *, keep_data: bool = False) -> list[str]:
    remove_labelled(client(api), owned, Work(CancelToken(FakeClock()), lambda _text: None), keep_data=keep_data)
    return api.removed


def whole(api: FakeApi) -> None:
    """A stack as `up` leaves it, half of it not even started."""
    marked = {"owner": OWNER, "stack": STACK}
    api.network(NAME, **marked, expires=LATER.isoformat())
    api.container(f"{NAME}-control-plane", network=NAME, kind=NAME)
    api.container(f"{NAME}-worker", network=NAME, joined=False, kind=NAME)
    api.container(f"{NAME}-emulator", network=NAME, owner=OWNER, stack=STACK)
    api.container(f"{NAME}-emulator-lambda-1", network=NAME)
    api.container(f"{NAME}-bake", network=NAME)
    api.volume(f"{NAME}-emulator", **marked)
    api.volume(f"{NAME}-lease-1", **marked, lease=NOON.isoformat(), expires=LATER.isoformat())


def strangers(api: FakeApi) -> None:
    """All that looks like it and is not."""
    other = {"owner": "another", "stack": STACK}
    api.container("web")
    api.container(f"{NAME}-control-plane-2", network="kind", kind=NAME)
    api.container("theirs", network=f"{NAME}-2", owner="another", stack=STACK)
    api.network(f"{NAME}-2", **other)
    api.volume("theirs", **other)
    api.volume("plain")
    api.container("kind-control-plane", network="kind", kind="kind")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], None),
        ([{}], None),
        ([{EXPIRES_LABEL: NOON.isoformat()}], NOON),
        ([{EXPIRES_LABEL: NOON.isoformat()}, {LEASE_LABEL: "2", EXPIRES_LABEL: LATER.isoformat()}], LATER),
        ([{LEASE_LABEL: "2", EXPIRES_LABEL: NOON.isoformat()}, {EXPIRES_LABEL: LATER.isoformat()}], NOON),
        ([{LEASE_LABEL: "1", EXPIRES_LABEL: LATER.isoformat()}, {LEASE_LABEL: "2", EXPIRES_LABEL: NEVER}], WITHOUT_END),
        ([{EXPIRES_LABEL: "soon"}], None),
        ([{EXPIRES_LABEL: "2026-01-02T12:00:00"}], None),
    ],
)
def test_the_newest_lease_says_until_when(labels: list[dict[str, str]], expected: datetime | None) -> None:
    assert expiry(labels) == expected
    assert expiry(reversed(labels)) == expected


def test_every_stack_with_a_mark_is_found_once() -> None:
    api = FakeApi()
    whole(api)
    strangers(api)
    api.network("nameless", owner="x")
    api.volume("kept", owner="third", stack="b-1")
    assert labelled_stacks(client(api)) == (
        LabelledStack(stack="b-1", owner="third"),
        LabelledStack(stack=STACK, owner="another"),
        LabelledStack(stack=STACK, owner=OWNER, expires=LATER),
    )


def test_all_of_one_owner_goes_and_nothing_of_another() -> None:
    api = FakeApi()
    whole(api)
    ours = {*api.boxes, *api.nets, *api.vols}
    strangers(api)
    theirs = {*api.boxes, *api.nets, *api.vols} - ours
    assert set(removed(api)) == ours
    assert {*api.boxes, *api.nets, *api.vols} == theirs


def test_the_mark_goes_last_so_that_a_kill_loses_nothing() -> None:
    api = FakeApi()
    whole(api)
    assert removed(api)[-3:] == [f"{NAME}-emulator", NAME, f"{NAME}-lease-1"]


def test_kept_data_keeps_its_lease() -> None:
    api = FakeApi()
    whole(api)
    removed(api, keep_data=True)
    assert (api.boxes, api.nets) == ({}, {})
    assert set(api.vols) == {f"{NAME}-emulator", f"{NAME}-lease-1"}


def test_without_its_network_a_cluster_of_the_name_proves_nothing() -> None:
    api = FakeApi()
    whole(api)
    del api.nets[NAME]
    api.volume("k3d-images", k3d=engine_name(STACK, 32))
    removed(api)
    assert set(api.boxes) == {f"{NAME}-control-plane", f"{NAME}-worker", f"{NAME}-emulator-lambda-1", f"{NAME}-bake"}
    assert set(api.vols) == {"k3d-images"}


def test_a_strangers_container_on_the_network_is_left_and_named() -> None:
    api = FakeApi()
    whole(api)
    api.container("debug", network=NAME)
    with pytest.raises(StepFailedError, match=f"debug is on the network of {STACK}") as caught:
        removed(api)
    assert caught.value.fix is not None
    assert f"docker network disconnect -f {NAME} debug" in caught.value.fix
    assert "debug" in api.boxes
    assert set(api.vols) == {f"{NAME}-lease-1"}
    assert NAME in api.nets


def test_what_another_run_removes_at_the_same_time_is_waited_for() -> None:
    api = FakeApi(busy={NAME: 3, f"{NAME}-emulator": 1})
    whole(api)
    removed(api)
    assert (api.boxes, api.nets, api.vols) == ({}, {}, {})


def test_a_network_that_another_run_has_just_removed_is_no_failure() -> None:
    api = FakeApi()
    whole(api)
    api.gone_when_looked_at = {NAME}
    assert f"{NAME}-control-plane" in removed(api)
    assert (api.nets, api.boxes, api.vols) == ({}, {}, {})


def test_what_does_not_go_is_told_at_the_deadline() -> None:
    api = FakeApi(busy={NAME: 10**6})
    whole(api)
    with pytest.raises(DeadlineError, match=f"the label of {STACK}"):
        removed(api)
