from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.engine.environment import existing_kubeconfig, platform_environment
from bootstrap.engine.flow import up
from bootstrap.engine.platform import PlanOptions, Platform, RunOptions
from bootstrap.engine.status import read_status
from bootstrap.errors import RefusedError
from bootstrap.model.observed import TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import StatePaths
from bootstrap.model.status import Health, StatusReport
from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.ports import World
from fakes.processes import FakeProcesses
from fakes.repo import config_map, kustomization, release, stack

REPO = FluxRepo(kustomizations=(kustomization("apps", config_map("one"), config_map("two")),), releases=(release("a"),))


@pytest.fixture
def world() -> World:
    return World(charts={"apps/a"})


@pytest.fixture
def platform(tmp_path: Path, world: World) -> Platform:
    clock = FakeClock()
    state = StatePaths(folder=tmp_path / "state")
    return Platform(
        stack=stack(emulator=True, seeds=True),
        state=state,
        ports=world.ports(),
        processes=FakeProcesses(),
        journal=Journal(state.journal, clock),
        clock=clock,
        read=lambda _cancel: REPO,
        check=lambda: None,
        preflight=lambda _wanted, _releases: (),
        infer=lambda _wanted: (),
        health=lambda objects, _namespace, _kube, _cancel: {one: world.health_of(one) for one in objects},
        configuration=lambda: None,
        watch=None,
        lacking=lambda: (),
        fetch=lambda _say: None,
        headline="on fakes",
    )


def bring_up(platform: Platform) -> None:
    token = CancelToken(platform.clock)
    up(platform, PlanOptions(), RunOptions(command="up"), emit=lambda _event: None, cancel=token)


def look(platform: Platform) -> StatusReport:
    return read_status(platform, CancelToken(platform.clock))


def healths(report: StatusReport) -> Mapping[str, str]:
    return {part.name: part.health.value for part in report.parts}


def test_nothing_is_up_before_up(platform: Platform) -> None:
    report = look(platform)
    assert set(healths(report).values()) == {"down"}
    assert not report.up


def test_everything_is_up_after_up(platform: Platform) -> None:
    bring_up(platform)
    report = look(platform)
    assert set(healths(report).values()) == {"up"}
    assert report.up
    assert report.urls == (("AWS", "http://127.0.0.1:4566"),)
    assert {part.name: part.detail for part in report.parts}["emulator"] == "ministack at http://127.0.0.1:4566"


def test_the_worst_object_speaks_for_its_part(platform: Platform, world: World) -> None:
    bring_up(platform)
    world.unhealthy = {"one": (Health.SIMULATED, "no controller")}
    report = look(platform)
    assert healths(report)["objects/flux-system/apps"] == "simulated"
    assert report.up
    world.unhealthy |= {"two": (Health.PENDING, "0 of 1")}
    report = look(platform)
    part = next(part for part in report.parts if part.name == "objects/flux-system/apps")
    assert (part.health, part.detail) == (Health.PENDING, "1 of 2 objects pending")
    assert part.evidence == ("ConfigMap apps/two: 0 of 1",)
    assert not report.up


def test_what_is_not_as_declared_is_told_with_its_reason(platform: Platform, world: World) -> None:
    bring_up(platform)
    world.seed_changes = 2
    del world.releases["apps/a"]
    found = {part.name: (part.health.value, part.detail) for part in look(platform).parts}
    assert found["seeds"] == ("pending", "2 to create")
    assert found["release/apps/a"] == ("down", "not found")


def test_a_stopped_cluster_is_told(platform: Platform, world: World) -> None:
    bring_up(platform)
    world.cluster = TargetState.STOPPED
    assert healths(look(platform))["cluster"] == "down"


def test_the_environment_leads_to_this_platform_alone(platform: Platform, world: World) -> None:
    with pytest.raises(RefusedError, match="stack test is not up: it has no kubeconfig"):
        existing_kubeconfig(platform)
    bring_up(platform)
    platform.state.kubeconfig.write_text("")
    found = platform_environment(platform, CancelToken(platform.clock))
    assert found["KUBECONFIG"] == str(platform.state.kubeconfig)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert found["AWS_CONFIG_FILE"] == "/dev/null"
    world.emulator = TargetState.STOPPED
    with pytest.raises(RefusedError, match="the emulator does not run: stopped"):
        platform_environment(platform, CancelToken(platform.clock))
