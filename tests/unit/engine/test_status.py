from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.console.results.status import status_text
from bootstrap.engine.environment import existing_kubeconfig, platform_environment
from bootstrap.engine.plan import plan_up
from bootstrap.engine.session import PlanOptions, RunOptions, Session
from bootstrap.engine.status import read_status
from bootstrap.engine.up import up
from bootstrap.engine.urls import urls_of
from bootstrap.errors import RefusedError
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.status import Health, StatusReport, UrlStatus
from bootstrap.system.clock import CancelToken
from fakes.ports import KUBE, World
from fakes.repo import config_map, kustomization, release
from fakes.setting import Setting

KUBECONFIG = """\
{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], clusters: [{name: a, cluster: {}}]}
"""
REPO = FluxRepo(kustomizations=(kustomization("apps", config_map("one"), config_map("two")),), releases=(release("a"),))


@pytest.fixture
def world() -> World:
    return World(charts={"apps/a"}, repo=REPO)


@pytest.fixture
def session(tmp_path: Path, world: World) -> Session:
    return Setting(tmp_path, world=world).session


def bring_up(session: Session) -> None:
    token = CancelToken(session.clock)
    up(session, PlanOptions(), RunOptions(command="up"), emit=lambda _event: None, cancel=token)


def look(session: Session) -> StatusReport:
    return read_status(session, CancelToken(session.clock))


def healths(report: StatusReport) -> Mapping[str, str]:
    return {part.name: part.health.value for part in report.parts}


def test_nothing_is_up_before_up(session: Session) -> None:
    report = look(session)
    assert set(healths(report).values()) == {"down"}
    assert not report.up


def test_everything_is_up_after_up(session: Session) -> None:
    bring_up(session)
    report = look(session)
    assert set(healths(report).values()) == {"up"}
    assert report.up
    assert report.urls == (UrlStatus(name="AWS", url="http://127.0.0.1:4566"),)
    assert {part.name: part.detail for part in report.parts}["emulator"] == "ministack at http://127.0.0.1:4566"


def test_what_is_not_ready_is_told_with_its_causes(session: Session, world: World) -> None:
    bring_up(session)
    ref = ObjectRef(api_version="v1", kind="ConfigMap", namespace="apps", name="two")
    world.causes["two"] = Cause(kind=CauseKind.QUOTA, of=ref, object=ref, text="its quota is used up")
    assert not any(part.causes for part in look(session).parts)
    world.unhealthy = {"two": (Health.NOT_READY, "0 of 1")}
    causes = {part.name: part.causes for part in look(session).parts if part.causes}
    assert causes == {"objects/flux-system/apps": (world.causes["two"],)}


def test_a_host_that_nobody_answers_for_is_told_with_what_is_missing(session: Session, world: World) -> None:
    rules = [{"host": "a.localhost"}, {"host": "b.localhost"}]
    ingress = {**config_map("shop"), "kind": "Ingress", "spec": {"rules": rules}}
    world.repo = FluxRepo(kustomizations=(kustomization("apps", ingress),))
    world.silent = {"b.localhost": "no ingress controller is installed"}
    bring_up(session)
    token = CancelToken(session.clock)
    planning = plan_up(session, PlanOptions(), token)
    kube = replace(KUBE, simulated=False)
    observed = replace(planning.observed, cluster=replace(planning.observed.cluster, kube=kube))
    port = session.stack.cluster.ports.http
    assert urls_of(session, replace(planning, observed=observed), token)[1:] == (
        UrlStatus(name="a.localhost", url=f"http://a.localhost:{port}"),
        UrlStatus(name="b.localhost", url=f"http://b.localhost:{port}", problem="no ingress controller is installed"),
    )
    # Nothing listens where pods are simulated.
    assert len(urls_of(session, planning, token)) == 1


def test_the_worst_object_speaks_for_its_part(session: Session, world: World) -> None:
    bring_up(session)
    world.unhealthy = {"one": (Health.SIMULATED, "no controller")}
    report = look(session)
    assert healths(report)["objects/flux-system/apps"] == "simulated"
    assert report.up
    world.unhealthy |= {"two": (Health.NOT_READY, "0 of 1")}
    report = look(session)
    part = next(part for part in report.parts if part.name == "objects/flux-system/apps")
    assert (part.health, part.detail) == (Health.NOT_READY, "1 of 2 objects not ready")
    assert part.evidence == ("ConfigMap apps/two: 0 of 1",)
    assert not report.up


def test_what_is_not_as_declared_is_told_with_its_reason(session: Session, world: World) -> None:
    bring_up(session)
    world.seed_changes = 2
    del world.releases["apps/a"]
    states = {part.name: (part.health.value, part.detail) for part in look(session).parts}
    assert states["seeds"] == ("not ready", "2 to create")
    assert states["release/apps/a"] == ("down", "not found")


def test_a_stopped_cluster_is_told(session: Session, world: World) -> None:
    bring_up(session)
    world.cluster = TargetState.STOPPED
    assert healths(look(session))["cluster"] == "stopped"


def test_what_cannot_be_looked_at_is_unknown_and_the_rest_is_shown(session: Session, world: World) -> None:
    bring_up(session)
    world.silent_engine = RefusedError("no Docker engine answers", fix="start Docker")
    report = look(session)
    by_name = {part.name: (part.health.value, part.detail, part.evidence) for part in report.parts}
    assert by_name["cluster"] == ("unknown", "no Docker engine answers", ("Fix: start Docker",))
    assert by_name["release/apps/a"] == ("unknown", "the cluster is unknown", ())
    assert by_name["emulator"][0] == by_name["seeds"][0] == "up"
    assert not report.failures
    assert "what to do is written above" in status_text(report)
    with pytest.raises(RefusedError, match="no Docker engine answers"):
        plan_up(session, PlanOptions(), CancelToken(session.clock))


@pytest.mark.parametrize("state", [TargetState.UNVERIFIED, TargetState.FOREIGN])
def test_what_is_not_proven_to_be_ours_is_a_line_of_the_status(
    session: Session, world: World, state: TargetState
) -> None:
    bring_up(session)
    world.cluster = state
    report = look(session)
    assert healths(report)["cluster"] == healths(report)["objects/flux-system/apps"] == "unknown"
    assert any("--adopt" in line for line in report.parts[0].evidence)
    with pytest.raises(RefusedError, match="the cluster of stack test"):
        plan_up(session, PlanOptions(), CancelToken(session.clock))


def test_the_environment_leads_to_this_platform_alone(session: Session, world: World) -> None:
    with pytest.raises(RefusedError, match="stack test is not up: it has no kubeconfig"):
        existing_kubeconfig(session)
    bring_up(session)
    session.state.kubeconfig.write_text(KUBECONFIG)
    variables = platform_environment(session, CancelToken(session.clock))
    assert variables["KUBECONFIG"] == str(session.state.kubeconfig)
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert variables["AWS_CONFIG_FILE"] == "/dev/null"
    world.emulator = TargetState.STOPPED
    with pytest.raises(RefusedError, match="the emulator is not running: stopped"):
        platform_environment(session, CancelToken(session.clock))


def test_what_is_suspended_is_shown_and_is_nothing_to_bring_up(session: Session, world: World) -> None:
    world.repo = replace(REPO, releases=(*REPO.releases, replace(release("resting"), suspended=True)))
    bring_up(session)
    report = look(session)
    assert healths(report)["release/apps/resting"] == "suspended"
    assert report.up


def test_an_api_that_a_simulated_pod_would_serve_is_shown_as_simulated(session: Session, world: World) -> None:
    """`up` leaves it out: it would break the API server's discovery."""
    backend = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"service": {"name": "metrics"}},
    }
    world.repo = FluxRepo(kustomizations=(kustomization("apps", config_map("one"), backend),))
    bring_up(session)
    [part] = [part for part in look(session).parts if part.name == "objects/flux-system/apps"]
    assert part.health is Health.SIMULATED
    assert part.evidence == ("APIService v1beta1.metrics.k8s.io: the API it adds would be served by a pod",)


def test_health_has_colour_if_it_is_asked_for(session: Session) -> None:
    report = look(session)
    assert "\x1b" not in status_text(report)
    assert " \x1b[1;31mdown\x1b[0m  differs: not found" in status_text(report, colored=True)
