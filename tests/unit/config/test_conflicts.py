"""What `auto` comes to, and that a stack never gets a second cluster."""

import dataclasses
from pathlib import Path

import pytest

from bootstrap.config.conflicts import resolve_auto
from bootstrap.errors import InvalidError, RefusedError
from bootstrap.model.stack import ClusterSpec, Driver, EmulatorSpec, Placement, Provider, Stack


def stack(provider: Provider = Provider.AUTO, emulator: EmulatorSpec | None = None) -> Stack:
    return Stack(
        name="dev",
        file=Path("/p/stacks/dev.yaml"),
        project=Path("/p"),
        cluster=ClusterSpec(provider=provider, context="shared" if provider is Provider.EXISTING else None),
        emulator=emulator or EmulatorSpec(),
    )


def resolved(
    given: Stack, *, docker: bool = False, last_provider: Provider | None = None
) -> tuple[Provider, Placement, Driver]:
    chosen_stack = resolve_auto(given, docker_answers=docker, last_provider=last_provider)
    assert chosen_stack.emulator is not None
    return chosen_stack.cluster.provider, chosen_stack.emulator.placement, chosen_stack.emulator.driver


def test_kind_where_docker_answers_else_kwok() -> None:
    assert resolved(stack(), docker=True) == (Provider.KIND, Placement.CONTAINER, Driver.MINISTACK)
    assert resolved(stack(), docker=False) == (Provider.KWOK, Placement.PROCESS, Driver.MINISTACK)


def test_an_engine_without_the_program_docker_is_of_no_use_to_kind() -> None:
    chosen_stack = resolve_auto(stack(), docker_answers=True, docker_program=False, last_provider=None)
    assert chosen_stack.cluster.provider is Provider.KWOK
    chosen_stack = resolve_auto(
        stack(Provider.K3D), docker_answers=True, docker_program=False, last_provider=Provider.K3D
    )
    assert chosen_stack.cluster.provider is Provider.K3D


def test_whoever_named_an_engine_is_not_given_another_provider() -> None:
    named = ("DOCKER_HOST=x points to an engine that does not answer", "correct it, or: unset DOCKER_HOST")
    with pytest.raises(RefusedError, match="DOCKER_HOST=x points to an engine") as caught:
        resolve_auto(stack(), docker_answers=False, last_provider=None, named_engine=named)
    assert caught.value.fix == "correct it, or: unset DOCKER_HOST; or without Docker: --provider kwok"
    chosen_stack = resolve_auto(stack(Provider.KWOK), docker_answers=False, last_provider=None, named_engine=named)
    assert chosen_stack.cluster.provider is Provider.KWOK


def test_a_stack_stays_where_it_lives() -> None:
    assert resolved(stack(), docker=True, last_provider=Provider.KWOK)[0] is Provider.KWOK
    assert resolved(stack(), docker=True, last_provider=Provider.K3D)[0] is Provider.K3D


@pytest.mark.parametrize("asked", [Provider.AUTO, Provider.KIND])
def test_docker_down_is_an_error_where_the_stack_lives_on_it(asked: Provider) -> None:
    with pytest.raises(RefusedError) as caught:
        resolve_auto(stack(asked), docker_answers=False, last_provider=Provider.KIND)
    assert caught.value.what == "stack dev runs on kind, and no Docker engine answers"


def test_another_provider_is_refused_while_the_stack_lives_on_a_cluster_of_others() -> None:
    with pytest.raises(RefusedError) as caught:
        resolve_auto(stack(Provider.KWOK), docker_answers=True, last_provider=Provider.EXISTING)
    assert caught.value.what.startswith("stack dev runs on a cluster of others")
    assert caught.value.fix == "remove it there first: bootstrap down dev --provider existing"


def test_another_provider_is_a_matter_of_the_plan_while_the_stack_lives() -> None:
    resolved_stack = resolve_auto(stack(Provider.KWOK), docker_answers=True, last_provider=Provider.KIND)
    assert resolved_stack.cluster.provider is Provider.KWOK


def test_what_lives_is_not_refused_for_its_values() -> None:
    lives = stack(Provider.KIND, EmulatorSpec(placement=Placement.PROCESS))
    with pytest.raises(InvalidError):
        resolve_auto(lives, docker_answers=True, last_provider=Provider.KIND)
    resolved_stack = resolve_auto(lives, docker_answers=True, last_provider=Provider.KIND, remembered=True)
    assert resolved_stack.emulator == EmulatorSpec(placement=Placement.PROCESS, driver=Driver.MINISTACK)


@pytest.mark.parametrize(
    ("provider", "emulator", "placement", "driver"),
    [
        (Provider.K3D, EmulatorSpec(), Placement.CONTAINER, Driver.MINISTACK),
        (Provider.KWOK, EmulatorSpec(driver=Driver.LOCALSTACK), Placement.CONTAINER, Driver.LOCALSTACK),
        (Provider.KWOK, EmulatorSpec(driver=Driver.MOTO), Placement.PROCESS, Driver.MOTO),
        (Provider.EXISTING, EmulatorSpec(), Placement.CHART, Driver.AUTO),
        (Provider.KIND, EmulatorSpec(placement=Placement.CHART), Placement.CHART, Driver.AUTO),
        (Provider.KIND, EmulatorSpec(endpoint="http://127.0.0.1:1"), Placement.ENDPOINT, Driver.AUTO),
    ],
)
def test_placement_and_driver(provider: Provider, emulator: EmulatorSpec, placement: Placement, driver: Driver) -> None:
    assert resolved(stack(provider, emulator)) == (provider, placement, driver)


def test_no_emulator_stays_none() -> None:
    without = Stack(name="dev", file=None, project=Path("/p"), emulator=None)
    assert resolve_auto(without, docker_answers=False, last_provider=None).emulator is None


def test_what_auto_came_to_must_go_with_the_rest() -> None:
    chart = stack(emulator=EmulatorSpec(placement=Placement.CHART))
    with pytest.raises(InvalidError) as caught:
        resolve_auto(chart, docker_answers=False, last_provider=None)
    assert str(caught.value) == (
        "/p/stacks/dev.yaml: emulator.placement: chart cannot be used on kwok, whose pods are simulated: "
        "write process, container or auto"
    )


def test_ministack_has_no_place_on_an_existing_cluster_but_an_endpoint() -> None:
    with pytest.raises(InvalidError, match="ministack has no chart"):
        resolved(stack(Provider.EXISTING, EmulatorSpec(driver=Driver.MINISTACK)))


def test_the_docker_socket_is_for_localstack_in_a_container_alone() -> None:
    localstack = EmulatorSpec(driver=Driver.LOCALSTACK, docker_socket=True)
    assert resolved(stack(emulator=localstack), docker=True)[1] is Placement.CONTAINER
    with pytest.raises(InvalidError, match=r"emulator\.dockerSocket: is only for placement container with driver"):
        resolve_auto(stack(emulator=EmulatorSpec(docker_socket=True)), docker_answers=True, last_provider=None)


@pytest.mark.parametrize(
    ("emulator", "provider", "placement"),
    [
        (EmulatorSpec(), Provider.KIND, Placement.CHART),
        (EmulatorSpec(placement=Placement.CONTAINER), Provider.KIND, Placement.CONTAINER),
        (EmulatorSpec(driver=Driver.MINISTACK), Provider.K3D, Placement.CONTAINER),
        (EmulatorSpec(image="ministack:1"), Provider.KIND, Placement.CONTAINER),
        (EmulatorSpec(), Provider.KWOK, Placement.PROCESS),
    ],
)
def test_an_emulator_that_was_a_release_stays_one_where_nothing_else_is_said(
    emulator: EmulatorSpec, provider: Provider, placement: Placement
) -> None:
    chosen_stack = resolve_auto(
        stack(provider, emulator), docker_answers=True, last_provider=None, last_placement=Placement.CHART
    )
    assert chosen_stack.emulator is not None
    assert chosen_stack.emulator.placement is placement


@pytest.mark.parametrize(
    ("emulator", "text"),
    [
        (EmulatorSpec(placement=Placement.CHART, driver=Driver.MOTO, release="aws/moto"), None),
        (
            EmulatorSpec(placement=Placement.CHART, image="ministack:1"),
            "emulator.image: is only for placement container: the image of a chart is in the values of its HelmRelease",
        ),
    ],
)
def test_what_goes_with_a_release(emulator: EmulatorSpec, text: str | None) -> None:
    given = stack(Provider.KIND, emulator)
    if text is None:
        resolve_auto(given, docker_answers=True, last_provider=None)
        return
    with pytest.raises(InvalidError) as caught:
        resolve_auto(given, docker_answers=True, last_provider=None)
    assert str(caught.value).endswith(text)


def test_k3d_bakes_no_images() -> None:
    given = stack(Provider.K3D)
    given = dataclasses.replace(given, cluster=dataclasses.replace(given.cluster, bake=True))
    with pytest.raises(InvalidError, match=r"cluster\.bake: is only for provider kind"):
        resolve_auto(given, docker_answers=True, last_provider=None)
