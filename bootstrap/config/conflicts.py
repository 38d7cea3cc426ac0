"""Values of a stack that exclude each other, and the meaning of `auto`."""

import dataclasses
from collections.abc import Callable, Iterator

from bootstrap.errors import InvalidError, Place, Problem, RefusedError
from bootstrap.model.stack import Driver, EmulatorSpec, Placement, Provider, Stack
from bootstrap.yamltext.positions import ValuePath, path_text

PlaceOf = Callable[[ValuePath], Place]

_DRIVER = ("emulator", "driver")
_PLACEMENT = ("emulator", "placement")
_ENDPOINT = ("emulator", "endpoint")


def conflicts(stack: Stack, place: PlaceOf) -> Iterator[Problem]:
    """Every pair of values that exclude each other; `auto` is compatible with all."""
    yield from _cluster_conflicts(stack, place)
    yield from _image_conflicts(stack, place)
    if stack.emulator is not None:
        yield from _placement_conflicts(stack.emulator, stack.cluster.provider, place)
        yield from _endpoint_conflicts(stack.emulator, place)
        yield from _port_conflicts(stack, stack.emulator.port, place)


def resolve_auto(  # noqa: PLR0913 - all that was found out beforehand, each by name
    stack: Stack,
    *,
    docker_answers: bool,
    last_provider: Provider | None,
    docker_program: bool = True,
    last_placement: Placement | None = None,
    place: PlaceOf | None = None,
    remembered: bool = False,
    named_engine: tuple[str, str] | None = None,
    engine_needed: bool = True,
) -> Stack:
    """The stack with provider, placement and driver decided.

    `last_provider` and `last_placement` are those of the last `up`: a flag that was given once need not be given to
    every later command.

    An engine alone is not enough for kind: it works through the program `docker`.

    `named_engine`: the setting that names an engine that does not answer, and the fix. An engine that the user named
    is required: `auto` is not kwok then.

    `engine_needed`: whether a stack that runs on an engine is refused if that does not answer.

    `remembered`: the stack is the one that lives, of which no value is refused.

    With the placements `endpoint` and `chart` the driver may stay `auto`: the emulator that answers decides it.

    Raises:
        RefusedError: the stack runs on a cluster of others while another provider is declared, or the engine that
            it runs on cannot be reached. Never a second cluster.
        InvalidError: the value of `auto` and another value exclude each other.
    """
    if (
        stack.cluster.provider is Provider.AUTO
        and last_provider is None
        and named_engine is not None
        and not docker_answers
    ):
        raise RefusedError(named_engine[0], fix=f"{named_engine[1]}; or without Docker: --provider kwok")
    kind_works = docker_answers and docker_program
    lacking = engine_needed and not docker_answers
    provider = _provider(stack, kind_works=kind_works, lacking=lacking, last_provider=last_provider)
    emulator = None if stack.emulator is None else resolved_emulator(stack.emulator, provider, last_placement)
    cluster = dataclasses.replace(stack.cluster, provider=provider)
    resolved = dataclasses.replace(stack, cluster=cluster, emulator=emulator)
    problems = () if remembered else tuple(conflicts(resolved, place or _place_in(stack)))
    if problems:
        raise InvalidError(problems)
    return resolved


def _provider(stack: Stack, *, kind_works: bool, lacking: bool, last_provider: Provider | None) -> Provider:
    asked = stack.cluster.provider
    if last_provider is Provider.EXISTING and asked not in {Provider.AUTO, last_provider}:
        raise RefusedError(
            f"stack {stack.name} runs on a cluster of others, from which what it installed would not go",
            fix=f"remove it there first: bootstrap down {stack.typed} --provider {last_provider}",
        )
    if last_provider is not None and last_provider.on_docker and lacking:
        raise RefusedError(
            f"stack {stack.name} runs on {last_provider}, and no Docker engine answers",
            fix="start Docker, then run the same command again (bootstrap doctor says what is wrong with it)",
        )
    if asked is not Provider.AUTO:
        return asked
    return last_provider or (Provider.KIND if kind_works else Provider.KWOK)


def resolved_emulator(emulator: EmulatorSpec, provider: Provider, last_placement: Placement | None) -> EmulatorSpec:
    """The emulator with placement and driver decided; `last_placement` is the placement of the last `up`."""
    placement = emulator.placement
    if placement is Placement.AUTO:
        placement = _placement(emulator, provider, last_placement)
    driver = emulator.driver
    if driver is Driver.AUTO and placement not in {Placement.ENDPOINT, Placement.CHART}:
        driver = Driver.MINISTACK
    return dataclasses.replace(emulator, placement=placement, driver=driver)


def _placement(emulator: EmulatorSpec, provider: Provider, last_placement: Placement | None) -> Placement:
    if emulator.endpoint is not None:
        return Placement.ENDPOINT
    if provider is Provider.EXISTING:
        return Placement.CHART
    stays = last_placement is Placement.CHART and provider.on_docker
    if stays and not any(_chart_conflicts(emulator, lambda _path: Place(file=""))):
        return Placement.CHART
    in_process = provider.simulates_pods and emulator.driver is not Driver.LOCALSTACK
    return Placement.PROCESS if in_process else Placement.CONTAINER


def _cluster_conflicts(stack: Stack, place: PlaceOf) -> Iterator[Problem]:
    ports = stack.cluster.ports
    if ports.http == ports.https:
        yield _said(place, ("cluster", "ports", "https"), f"{ports.https} is already the port of http")
    if stack.cluster.bake and stack.cluster.provider is Provider.K3D:
        yield _said(place, ("cluster", "bake"), "is only for provider kind: k3s keeps its images outside of its image")
    if stack.cluster.provider is Provider.EXISTING and stack.cluster.context is None:
        text = "is missing: provider existing needs the name of a context in your kubeconfig"
        yield _said(place, ("cluster", "context"), text)


def _image_conflicts(stack: Stack, place: PlaceOf) -> Iterator[Problem]:
    if stack.images and stack.cluster.provider is Provider.EXISTING:
        text = "cannot be used on an existing cluster, whose nodes pull their images: push it, and name it in manifests"
        yield _said(place, ("images", stack.images[0].name), text)


def _placement_conflicts(emulator: EmulatorSpec, provider: Provider, place: PlaceOf) -> Iterator[Problem]:
    placement, driver = emulator.placement, emulator.driver
    if placement is Placement.CHART and provider.simulates_pods:
        text = "chart cannot be used on kwok, whose pods are simulated: write process, container or auto"
        yield _said(place, _PLACEMENT, text)
    if placement is Placement.PROCESS and provider.on_docker:
        text = f"process cannot be used on {provider}, whose pods cannot reach it: write container, chart or auto"
        yield _said(place, _PLACEMENT, text)
    if placement in {Placement.PROCESS, Placement.CONTAINER} and provider is Provider.EXISTING:
        text = f"{placement} cannot be used on an existing cluster: its pods cannot reach it; write chart or endpoint"
        yield _said(place, _PLACEMENT, text)
    if placement is Placement.CHART:
        yield from _chart_conflicts(emulator, place)
    with_socket = {Driver.AUTO, Driver.LOCALSTACK, Driver.FLOCI}
    used = placement in {Placement.AUTO, Placement.CONTAINER} and driver in with_socket
    if emulator.docker_socket and not used:
        text = "is only for placement container with driver localstack"
        yield _said(place, ("emulator", "dockerSocket"), text)
    if placement is Placement.PROCESS and driver in {Driver.LOCALSTACK, Driver.FLOCI}:
        text = f"{driver} cannot run as a plain process: write placement container or chart"
        yield _said(place, _PLACEMENT, text)


def _chart_conflicts(emulator: EmulatorSpec, place: PlaceOf) -> Iterator[Problem]:
    # A named release may have any chart; without a name, the release with LocalStack's chart is used.
    if emulator.release == "auto" and emulator.driver not in {Driver.AUTO, Driver.LOCALSTACK}:
        text = f"{emulator.driver} has no chart: write localstack, or another placement"
        yield _said(place, _DRIVER, text)
    if emulator.image is not None:
        text = "is only for placement container: the image of a chart is in the values of its HelmRelease"
        yield _said(place, ("emulator", "image"), text)


def _endpoint_conflicts(emulator: EmulatorSpec, place: PlaceOf) -> Iterator[Problem]:
    placement = emulator.placement
    if placement is Placement.ENDPOINT and emulator.endpoint is None:
        text = "is missing: placement endpoint needs its address, such as http://127.0.0.1:4566"
        yield _said(place, _ENDPOINT, text)
    if emulator.endpoint is not None and placement not in {Placement.AUTO, Placement.ENDPOINT}:
        yield _said(place, _ENDPOINT, f"is only for placement endpoint, not for {placement}")


def _port_conflicts(stack: Stack, port: int, place: PlaceOf) -> Iterator[Problem]:
    ports = stack.cluster.ports
    if port in {ports.http, ports.https}:
        taken = "http" if port == ports.http else "https"
        yield _said(place, ("emulator", "port"), f"{port} is already cluster.ports.{taken}")


def _said(place: PlaceOf, path: ValuePath, text: str) -> Problem:
    return Problem(place=place(path), text=text)


def _place_in(stack: Stack) -> PlaceOf:
    file = "the stack" if stack.file is None else str(stack.file)
    return lambda path: Place(file=file, path=path_text(path))
